"""A bucket of an S3 server as a source: listed, read, resumed, and never half."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pyarrow import fs

from darkroom.data.storage import SourceError, object_store, open_storage, reading
from tests.helpers import servers
from tests.helpers.own_images import colours, photo, write_files
from tests.helpers.scans import scan_source

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.object_store(tmp_path_factory.mktemp("s3") / "server") as address:
        requests.put(f"{address}/photos", timeout=60).raise_for_status()
        yield address


@pytest.fixture(autouse=True)
def credentials(s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {**servers.SECRETS, "AWS_ENDPOINT_URL": s3}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(reading, "WAITS_S", (0.0,))
    object_store._bucket.cache_clear()
    yield
    object_store._bucket.cache_clear()


def put(s3: str, key: str, content: bytes) -> None:
    host = s3.removeprefix("http://")
    bucket = fs.S3FileSystem(scheme="http", endpoint_override=host, region="us-east-1")
    with bucket.open_output_stream(f"photos/{key}") as file:
        file.write(content)


def upload(s3: str, folder: Path, prefix: str) -> None:
    for path in sorted(folder.rglob("*.png")):
        put(s3, f"{prefix}/{path.relative_to(folder)}", path.read_bytes())


def test_a_bucket_is_scanned_as_its_folder_is(s3: str, tmp_path: Path) -> None:
    folder = colours(tmp_path / "set", count=6)
    write_files(folder, {"red/ä #1 100%.png": photo(77, colour=0)})
    upload(s3, folder, "my set")
    requests.put(f"{s3}/photos/my%20set/", timeout=60).raise_for_status()  # consoles make folders so
    expected, found = scan_source(folder, tmp_path), scan_source("s3://photos/my set", tmp_path)
    columns = ["path", "label", "split", "sha256", "size"]
    assert found.used[columns].equals(expected.used[columns])


def test_archives_and_tables_of_a_bucket(s3: str, tmp_path: Path) -> None:
    folder = colours(tmp_path / "set", count=4)
    upload(s3, folder, "tables")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in folder.rglob("*.png"):
            archive.write(path, path.relative_to(folder))
    put(s3, "set.zip", file.getvalue())
    names = [f"{name}/{number}.png" for name in ("red", "blue") for number in range(4)]
    table = "".join(f"{name},{name.partition('/')[0]}\n" for name in names)
    put(s3, "tables/labels.csv", f"path,label\n{table}".encode())
    elsewhere = "".join(f"s3://photos/tables/{name},{name.partition('/')[0]}\n" for name in names)
    (tmp_path / "urls.csv").write_text(f"url,label\n{elsewhere}")
    for source in ("s3://photos/set.zip", "s3://photos/tables/labels.csv", "s3://photos/tables", "urls.csv"):
        assert len(scan_source(source, tmp_path).used) == 8, source


def test_a_changed_object_has_another_version(s3: str, tmp_path: Path) -> None:
    upload(s3, colours(tmp_path / "set", count=2), "changing")
    before = {file.path: file for file in open_storage("s3://photos/changing", tmp_path).files()}
    put(s3, "changing/red/0.png", photo(5))
    after = {file.path: file for file in open_storage("s3://photos/changing", tmp_path).files()}
    assert [path for path in before if before[path] != after[path]] == ["red/0.png"]


@pytest.mark.parametrize("url", ["s3://photos/nothing", "s3://no-such-bucket/x"])
def test_nothing_there(url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such place"):
        list(open_storage(url, tmp_path).files())


def test_a_server_that_goes_away_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.object_store(tmp_path / "server") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        object_store._bucket.cache_clear()
        requests.put(f"{address}/photos", timeout=60).raise_for_status()
        upload(address, colours(tmp_path / "set", count=2), "set")
        storage = open_storage("s3://photos/set", tmp_path)
        files = list(storage.files())
        assert storage.read(files[0].path)
    with pytest.raises(SourceError, match="run the same command again"):
        storage.read(files[1].path)
    with pytest.raises(SourceError, match="cannot be listed"):
        list(storage.files())
