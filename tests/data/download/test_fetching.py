"""Mirrors in turn, with retries, from a real HTTP server."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom.data.download.checksums import Checksum
from darkroom.data.download.errors import DownloadError
from darkroom.data.download.fetching import Fetched, fetch
from darkroom.data.download.mirrors import Mirror, parse_mirror
from darkroom.data.download.transfer import TransferSettings
from tests.helpers.downloads import (
    BODY,
    HALF,
    OTHER,
    Server,
    closed_port,
    download_server,
    get,
    leftovers,
    md5,
    respond,
    serve,
)

OFFICIAL = Checksum("md5", "0" * 32)


@pytest.fixture
def server() -> Iterator[Server]:
    with download_server() as server:
        yield server


def test_wrong_bytes_lead_to_the_next_mirror(server: Server, tmp_path: Path) -> None:
    server.responses = [serve(OTHER), serve(BODY)]
    fetched = get(tmp_path, Mirror(server.url + "?bad", md5(BODY)), Mirror(server.url, md5(BODY)))
    assert fetched.path.read_bytes() == BODY
    assert len(server.requests) == 2


def test_not_found_is_not_retried(server: Server, tmp_path: Path) -> None:
    server.responses = [respond(404)]
    with pytest.raises(DownloadError, match=r"answered 404 Not Found$"):
        get(tmp_path, Mirror(server.url, md5(BODY)))
    assert len(server.requests) == 1


def test_a_busy_server_is_retried(server: Server, tmp_path: Path) -> None:
    server.responses = [respond(503), respond(503), serve(BODY)]
    assert get(tmp_path, Mirror(server.url, md5(BODY))).path.read_bytes() == BODY
    assert len(server.requests) == 3


def test_the_wait_before_a_retry_doubles(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("darkroom.data.download.fetching.time.sleep", waits.append)
    server.responses = [respond(500)]
    settings = TransferSettings(retries=3, backoff_s=0.5)
    with pytest.raises(DownloadError, match=r"answered 500 Internal Server Error \(4 tries\)"):
        fetch([Mirror(server.url, md5(BODY))], tmp_path / "x", settings=settings)
    assert waits == [0.5, 1.0, 2.0]


def test_the_error_names_every_mirror_and_gives_the_advice(server: Server, tmp_path: Path) -> None:
    server.responses = [respond(404), serve(OTHER)]
    closed, absent = closed_port(), tmp_path / "absent.tar.gz"
    sources = [Mirror(server.url, md5(BODY)), Mirror(server.url, md5(BODY)), Mirror(closed, md5(BODY))]
    with pytest.raises(DownloadError) as caught:
        get(tmp_path, Mirror(absent, md5(BODY)), *sources, retries=1, advice="do this")
    assert str(caught.value).splitlines() == [
        "no source gave images.tar.gz:",
        f"  {absent}: no such file",
        f"  {server.url}: answered 404 Not Found",
        f"  {server.url}: sent 100,000 bytes whose md5 is {md5(OTHER).digest}, not {md5(BODY).digest}",
        f"  {closed}: no connection: Connection refused (2 tries)",
        "do this",
    ]
    assert leftovers(tmp_path) == []


def test_secrets_in_a_url_are_neither_logged_nor_written(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = server.server_address[1]
    secret = f"http://me:hidden@127.0.0.1:{port}/images.tar.gz?token=hidden"
    server.responses = [serve(BODY, until=HALF), serve(BODY)]
    assert get(tmp_path, Mirror(secret, md5(BODY))).source == server.url
    unreachable = closed_port().replace("//", "//me:hidden@") + "?token=hidden"
    with pytest.raises(DownloadError) as caught:
        get(tmp_path / "b", Mirror(unreachable, md5(BODY)))
    written = "".join(path.read_text(errors="ignore") for path in tmp_path.glob("*.json"))
    assert "hidden" not in str(caught.value) + caplog.text + written


def test_a_file_that_was_downloaded_before_is_used(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        assert get(tmp_path, Mirror(server.url, md5(BODY))).source == server.url
    assert len(server.requests) == 1
    (tmp_path / "images.tar.gz").write_bytes(BODY[:-1])
    assert get(tmp_path, Mirror(server.url, md5(BODY))).path.read_bytes() == BODY
    assert len(server.requests) == 2


def test_an_archive_that_someone_put_there_is_used(tmp_path: Path) -> None:
    (tmp_path / "images.tar.gz").write_bytes(BODY)
    assert get(tmp_path, Mirror(closed_port(), md5(BODY))).source == "images.tar.gz"


def test_a_local_file_is_used_in_place(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "mine.tar.gz"
    path.write_bytes(BODY)
    mirror = parse_mirror(f"{path}#sha256={hashlib.sha256(BODY).hexdigest()}", OFFICIAL)
    assert get(tmp_path / "downloads", mirror) == Fetched(path, "mine.tar.gz")
    assert not (tmp_path / "downloads").exists()


def test_a_wrong_local_file_leads_to_the_next_mirror(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "mine.tar.gz"
    path.write_bytes(OTHER)
    mirror = parse_mirror(f"{path}#sha256={hashlib.sha256(BODY).hexdigest()}", OFFICIAL)
    assert get(tmp_path, mirror, Mirror(server.url, md5(BODY))).source == server.url
    with pytest.raises(
        DownloadError, match=f"mine.tar.gz: holds .* {hashlib.sha256(OTHER).hexdigest()}, not"
    ):
        get(tmp_path / "empty", mirror)
