"""One transfer, from a real HTTP server that breaks off, lies and changes its file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom.data.download.errors import DownloadError
from darkroom.data.download.fetching import fetch
from darkroom.data.download.mirrors import Mirror
from darkroom.data.download.transfer import TransferSettings
from tests.helpers.downloads import (
    BODY,
    HALF,
    OTHER,
    Handler,
    Server,
    download_server,
    get,
    leftovers,
    md5,
    respond,
    serve,
)


@pytest.fixture
def server() -> Iterator[Server]:
    with download_server() as server:
        yield server


def test_a_file_is_downloaded(server: Server, tmp_path: Path) -> None:
    fetched = get(tmp_path / "new", Mirror(server.url, md5(BODY)))
    assert fetched.path.read_bytes() == BODY
    assert fetched.source == server.url
    assert leftovers(tmp_path / "new") == ["images.tar.gz", "images.tar.gz.json"]


def test_a_broken_transfer_is_resumed(server: Server, tmp_path: Path) -> None:
    server.responses = [serve(BODY, until=HALF), serve(BODY, until=HALF + 10), serve(BODY)]
    assert get(tmp_path, Mirror(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-", f"bytes={HALF + 10}-"]
    assert [request.get("If-Range") for request in server.requests] == [None, '"one"', '"one"']


def test_a_later_call_resumes(server: Server, tmp_path: Path) -> None:
    server.responses = [serve(BODY, until=HALF)]
    with pytest.raises(DownloadError, match=r"broke off at 50,000 of 100,000 bytes \(1 tries\)"):
        get(tmp_path, Mirror(server.url, md5(BODY)), retries=0)
    assert not (tmp_path / "images.tar.gz").exists()
    server.responses = [serve(BODY)]
    assert get(tmp_path, Mirror(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-"]


def test_without_a_strong_etag_the_date_identifies_the_file(server: Server, tmp_path: Path) -> None:
    date = "Thu, 01 Jan 2009 00:00:00 GMT"
    kept = {"ETag": 'W/"weak"', "Last_Modified": date}
    rest = respond(206, BODY[HALF:], Content_Range=f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}", **kept)
    server.responses = [respond(200, BODY[:HALF], Content_Length=len(BODY), **kept), rest]
    assert get(tmp_path, Mirror(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.requests[1]["If-Range"] == date


def test_a_server_that_ignores_range_is_read_from_the_start(server: Server, tmp_path: Path) -> None:
    server.responses = [serve(BODY, until=HALF), respond(200, BODY, ETag='"one"')]
    assert get(tmp_path, Mirror(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-"]


def test_without_a_validator_nothing_is_resumed(server: Server, tmp_path: Path) -> None:
    server.responses = [respond(200, BODY[:HALF], Content_Length=len(BODY)), respond(200, BODY)]
    assert get(tmp_path, Mirror(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, None]


def test_a_file_that_changed_on_the_server_is_downloaded_from_the_start(
    server: Server, tmp_path: Path
) -> None:
    server.responses = [serve(BODY, until=HALF), serve(OTHER, etag='"two"')]
    assert get(tmp_path, Mirror(server.url, md5(OTHER))).path.read_bytes() == OTHER
    assert len(server.requests) == 2


def test_another_etag_in_the_response_discards_the_part(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = respond(
        206, OTHER[HALF:], Content_Range=f"bytes {HALF}-{len(OTHER) - 1}/{len(OTHER)}", ETag='"two"'
    )
    server.responses = [serve(BODY, until=HALF), wrong, serve(OTHER, etag='"two"')]
    assert get(tmp_path, Mirror(server.url, md5(OTHER))).path.read_bytes() == OTHER
    assert server.ranges() == [None, f"bytes={HALF}-", None]
    assert "answered 206 Partial Content with another part than the rest" in caplog.text


def test_a_resumed_file_with_a_wrong_checksum_is_downloaded_again(server: Server, tmp_path: Path) -> None:
    server.responses = [serve(BODY, until=HALF), serve(OTHER), serve(OTHER)]  # the same ETag, another file
    assert get(tmp_path, Mirror(server.url, md5(OTHER))).path.read_bytes() == OTHER
    assert server.ranges() == [None, f"bytes={HALF}-", None]


def test_a_part_of_one_mirror_is_not_resumed_from_another(server: Server, tmp_path: Path) -> None:
    server.responses = [serve(BODY, until=HALF), serve(BODY)]
    first, second = Mirror(server.url, md5(BODY)), Mirror(server.url + "?copy", md5(BODY))
    assert get(tmp_path, first, second, retries=0).path.read_bytes() == BODY
    assert server.ranges() == [None, None]


@pytest.mark.parametrize("span", [f"bytes 0-{HALF - 1}/{len(BODY)}", "nonsense", ""])
def test_a_response_with_another_range_is_refused(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, span: str
) -> None:
    wrong = respond(206, BODY[:HALF], Content_Range=span, ETag='"one"')
    server.responses = [serve(BODY, until=HALF), wrong, serve(BODY)]
    assert get(tmp_path, Mirror(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-", None]
    assert "answered 206 Partial Content with another part than the rest" in caplog.text


def test_a_part_that_is_complete_is_used(server: Server, tmp_path: Path) -> None:
    # the announced length is wrong; to a request for the rest, the server responds that there is none
    server.responses = [respond(200, BODY, Content_Length=len(BODY) + 9, ETag='"one"'), serve(BODY)]
    assert get(tmp_path, Mirror(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={len(BODY)}-"]


def test_an_unsatisfiable_range_starts_over(server: Server, tmp_path: Path) -> None:
    server.responses = [serve(BODY, until=HALF), respond(416, Content_Range="bytes */7"), serve(BODY)]
    assert get(tmp_path, Mirror(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-", None]


def test_an_announced_length_that_is_too_long(server: Server, tmp_path: Path) -> None:
    server.responses = [respond(200, BODY, Content_Length=len(BODY) + 100)]
    with pytest.raises(DownloadError, match=r"broke off at 100,000 of 100,100 bytes \(2 tries\)"):
        get(tmp_path, Mirror(server.url, md5(BODY)), retries=1)
    assert len(server.requests) == 2
    assert not (tmp_path / "images.tar.gz").exists()


def test_an_announced_length_that_is_too_short(server: Server, tmp_path: Path) -> None:
    server.responses = [respond(200, BODY, Content_Length=HALF, ETag='"one"')]
    with pytest.raises(DownloadError, match=f"sent 50,000 bytes whose md5 is {md5(BODY[:HALF]).digest}, not"):
        get(tmp_path, Mirror(server.url, md5(BODY)))
    assert leftovers(tmp_path) == []


def test_bytes_labelled_as_gzip_are_not_decompressed(server: Server, tmp_path: Path) -> None:
    server.responses = [respond(200, BODY, Content_Encoding="gzip")]
    assert get(tmp_path, Mirror(server.url, md5(BODY))).path.read_bytes() == BODY


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_above_the_limit_is_refused(server: Server, tmp_path: Path, announced: bool) -> None:
    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()  # no length: the body ends with the connection
        handler.wfile.write(BODY)

    server.responses = [respond(200, BODY) if announced else endless]
    settings = TransferSettings(backoff_s=0, limit_bytes=70_000)
    with pytest.raises(
        DownloadError, match="announced 100,000 bytes" if announced else "sent over 70,000 bytes"
    ):
        fetch([Mirror(server.url, md5(BODY))], tmp_path / "x", settings=settings)
