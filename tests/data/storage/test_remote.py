"""Sources on other machines: a real web server, fsspec's file systems; half a source is never a whole one."""

import io
import os
import zipfile
from pathlib import Path

import fsspec
import pytest

from darkroom.data.scan.listing import write_listing
from darkroom.data.storage import SourceError, open_storage, reading
from darkroom.files import sha256_file
from tests.helpers.downloads import download_server, serve
from tests.helpers.labelled import labels
from tests.helpers.own_images import colours, photo, settings, write_files
from tests.helpers.scans import reasons, scan_source
from tests.helpers.site import site


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WAITS_S", (0.0, 0.0))


def test_a_folder_on_a_web_server(tmp_path: Path) -> None:
    colours(tmp_path / "site/my set", count=4)
    write_files(tmp_path / "site/my set", {"red/ä #1 100%.png": photo(77, colour=0)})
    with site(tmp_path / "site") as server:
        found = scan_source(f"{server.url}/my%20set", tmp_path)
        assert len(found.used) == 9
        assert "red/ä #1 100%.png" in set(found.used["path"])
        count = len(server.asked)
        again = scan_source(f"{server.url}/my%20set", tmp_path, channels=3)
        assert not [path for path in server.asked[count:] if path.endswith(".png")]
    assert again.used["sha256"].equals(found.used["sha256"])


def test_the_listing_tells_what_changed(tmp_path: Path) -> None:
    folder = colours(tmp_path / "site", count=3)
    with site(folder) as server:

        def listing(name: str) -> bytes:
            write_listing(tmp_path / name, open_storage(server.url, tmp_path).files())
            return (tmp_path / name).read_bytes()

        first = listing("one")
        assert listing("two") == first
        os.utime(folder / "red/0.png", ns=(1, 1))
        assert listing("three") != first


def test_a_server_that_fails_for_a_moment_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colours(tmp_path / "site", count=3)
    with site(tmp_path / "site") as server:
        storage = open_storage(server.url, tmp_path)
        server.failing = {"red/0": 503}
        monkeypatch.setattr("time.sleep", lambda _: server.failing.clear())
        assert storage.read("red/0.png") == (tmp_path / "site/red/0.png").read_bytes()
        assert server.asked.count("/red/0.png") == 2


def test_a_scan_that_a_failing_server_ends_goes_on_from_there(tmp_path: Path) -> None:
    colours(tmp_path / "site", count=12)
    with site(tmp_path / "site") as server:
        list(open_storage(server.url, tmp_path).files())
        server.failing = {"red/7": 500}
        with pytest.raises(SourceError, match=r"red/7.png cannot be read.*run the same command again"):
            scan_source(server.url, tmp_path, channels=3)
        server.failing = {}
        found = scan_source(server.url, tmp_path, channels=3)
    assert len(found.used) == 24
    assert found.left_out.empty


def test_a_listing_that_is_not_whole_is_an_error(tmp_path: Path) -> None:
    colours(tmp_path / "site", count=3)
    with site(tmp_path / "site") as server:
        server.failing = {"/red/": 500}
        with pytest.raises(SourceError, match="cannot be listed"):
            list(open_storage(server.url, tmp_path).files())


def test_a_file_that_is_not_there_any_more_is_left_out(tmp_path: Path) -> None:
    colours(tmp_path / "site", count=4)
    with site(tmp_path / "site") as server:
        server.failing = {"red/1": 404, "red/2": 403}
        storage = open_storage(server.url, tmp_path)
        for path, status in (("red/1.png", "404"), ("red/2.png", "403")):
            with pytest.raises(OSError, match=status):
                storage.read(path)


def test_a_table_of_urls(tmp_path: Path) -> None:
    colours(tmp_path / "site", count=4)
    with site(tmp_path / "site") as server:
        rows = [f"{server.url}/{name}/{n}.png?size=full,{name}" for name in ("red", "blue") for n in range(5)]
        table = (
            write_files(tmp_path / "mine", {"urls.csv": "\n".join(["url,label", *rows]).encode()})
            / "urls.csv"
        )
        found = scan_source(table, tmp_path)
    assert len(found.used) == 8
    assert {why for why in reasons(found).values() if "404" in why} == {"cannot be read: answered 404"}


def test_a_table_on_a_web_server(tmp_path: Path) -> None:
    folder = colours(tmp_path / "site", count=4)
    rows = "".join(f"{name}/{n}.png,{name}\n" for name in ("red", "blue") for n in range(4))
    write_files(folder, {"labels.csv": f"path,label\n{rows}".encode()})
    with site(folder) as server:
        assert len(scan_source(f"{server.url}/labels.csv", tmp_path).used) == 8


def zipped(folder: Path) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    return file.getvalue()


def test_an_archive_on_a_web_server_is_downloaded_once_and_again_when_it_changes(tmp_path: Path) -> None:
    folder = colours(tmp_path / "set", count=4)
    served = write_files(tmp_path / "site", {"set.zip": zipped(folder)})
    with site(served) as server:
        source = f"{server.url}/set.zip?token=secret"
        assert len(scan_source(source, tmp_path).used) == 8
        count = server.asked.count("/set.zip?token=secret")
        assert len(scan_source(source, tmp_path).used) == 8
        assert server.asked.count("/set.zip?token=secret") == count
        colours(folder, count=5)
        write_files(served, {"set.zip": zipped(folder)})
        assert len(scan_source(source, tmp_path).used) == 10
        assert open_storage(source, tmp_path).place == f"{server.url}/set.zip"


def test_an_archive_whose_transfer_breaks_off_is_resumed_and_verified(tmp_path: Path) -> None:
    content = zipped(colours(tmp_path / "set", count=4))
    (tmp_path / "set.zip").write_bytes(content)
    digest = sha256_file(tmp_path / "set.zip")
    with download_server() as server:
        half = len(content) // 2
        server.responses = [serve(content), serve(content, until=half), serve(content)]
        source = server.url.replace("images.tar.gz", "set.zip")
        assert len(scan_source(f"{source}#sha256={digest}", tmp_path).used) == 8
        assert server.ranges()[-1] == f"bytes={half}-"
        server.responses = [serve(content)]
        with pytest.raises(SourceError, match="sha256"):
            scan_source(f"{source}?other#sha256={'0' * 64}", tmp_path)


def test_any_file_system_of_fsspec(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    for path in colours(tmp_path / "set", count=4).rglob("*.png"):
        memory.pipe_file(f"/bucket/set/{path.parent.name}/{path.name}", path.read_bytes())
    memory.pipe_file("/bucket/set.zip", zipped(tmp_path / "set"))
    memory.pipe_file("/bucket/labels.csv", b"path,label\nset/red/0.png,a\nset/red/1.png,b\n")
    assert len(scan_source("memory://bucket/set", tmp_path).used) == 8
    assert len(scan_source("memory://bucket/set.zip", tmp_path).used) == 8
    storage = open_storage("memory://bucket/labels.csv", tmp_path)
    from darkroom.data.labels import read_labels

    found = read_labels(storage, list(storage.files()), settings())
    assert labels(found) == {"set/red/0.png": "a", "set/red/1.png": "b"}


@pytest.mark.parametrize(
    ("url", "package"),
    [("az://b/x", "adlfs"), ("sftp://h/x", "paramiko"), ("hf://datasets/a/b", "huggingface_hub")],
)
def test_a_missing_package_is_named(tmp_path: Path, url: str, package: str) -> None:
    if pytest.importorskip("importlib.util").find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(
        SourceError, match=rf"needs a package that is not installed: .* -m pip install {package}"
    ):
        open_storage(url, tmp_path)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/set", "http://127.0.0.1:9/set.zip", "memory://nothing"])
def test_nothing_there(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match=r"127.0.0.1:9/set.* cannot be|there is no such place"):
        list(open_storage(url, tmp_path).files())


def test_an_unknown_kind_of_url(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"carrier://pigeon.*known are"):
        open_storage("carrier://pigeon", tmp_path)
