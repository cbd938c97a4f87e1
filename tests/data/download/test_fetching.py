"""download against a real HTTP server that breaks off, lies and changes its mind; and what is unpacked."""

import hashlib
import io
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from darkroom.data.download import fetching
from darkroom.data.download.fetching import Checksum, DownloadError, Source, fetch, parse_mirror
from darkroom.data.download.unpacking import unpack
from darkroom.data.sources import cifar10
from darkroom.data.sources.cifar10 import obtain as obtain_cifar10
from darkroom.files import sha256_file

ROOT = Path(__file__).resolve().parents[3]
BODY = random.Random(0).randbytes(100_000)
OTHER = random.Random(1).randbytes(100_000)
HALF = len(BODY) // 2
OFFICIAL = Checksum("md5", "0" * 32)

Answer = Callable[["Handler"], None]


def md5(content: bytes) -> Checksum:
    return Checksum("md5", hashlib.md5(content, usedforsecurity=False).hexdigest())


class Server(ThreadingHTTPServer):
    """Gives each request the next of its `answers`, the last one for ever; remembers the headers."""

    answers: list[Answer]
    requests: list[dict[str, str]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/images.tar.gz"

    def ranges(self) -> list[str | None]:
        return [request.get("Range") for request in self.requests]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(dict(self.headers))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name in the standard library
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.answers, server.requests = [serve(BODY)], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def answer(status: int, content: bytes = b"", **headers: str | int) -> Answer:
    """Send exactly this; a Content-Length beyond `content` is a transfer that breaks off."""

    def send(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in ({"Content_Length": len(content)} | headers).items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        handler.wfile.write(content)

    return send


def serve(content: bytes, *, etag: str = '"one"', until: int | None = None) -> Answer:
    """Serve like a good server does, Range and If-Range included; break off before byte `until`."""

    def send(handler: Handler) -> None:
        start, asked = 0, handler.headers.get("Range")
        if asked and handler.headers.get("If-Range") in (None, etag):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start and start >= len(content):
            answer(416, Content_Range=f"bytes */{len(content)}", ETag=etag)(handler)
            return
        rest = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        length = len(content) - start
        answer(206 if start else 200, content[start:until], Content_Length=length, ETag=etag, **rest)(handler)

    return send


def closed_port() -> str:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{holder.getsockname()[1]}/images.tar.gz"


def get(place: Path, *sources: Source, retries: int = 3, advice: str = "") -> fetching.Fetched:
    return fetch(sources, place / "images.tar.gz", retries=retries, backoff_s=0, advice=advice)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# the transfer


def test_a_whole_transfer(server: Server, tmp_path: Path) -> None:
    fetched = get(tmp_path / "new", Source(server.url, md5(BODY)))
    assert fetched.path.read_bytes() == BODY
    assert fetched.source == server.url
    assert leftovers(tmp_path / "new") == ["images.tar.gz", "images.tar.gz.json"]


def test_a_broken_transfer_is_resumed(server: Server, tmp_path: Path) -> None:
    server.answers = [serve(BODY, until=HALF), serve(BODY, until=HALF + 10), serve(BODY)]
    assert get(tmp_path, Source(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-", f"bytes={HALF + 10}-"]
    assert [request.get("If-Range") for request in server.requests] == [None, '"one"', '"one"']


def test_a_later_call_resumes(server: Server, tmp_path: Path) -> None:
    server.answers = [serve(BODY, until=HALF)]
    with pytest.raises(DownloadError, match=r"broke off at 50,000 of 100,000 bytes \(1 tries\)"):
        get(tmp_path, Source(server.url, md5(BODY)), retries=0)
    assert not (tmp_path / "images.tar.gz").exists()
    server.answers = [serve(BODY)]
    assert get(tmp_path, Source(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-"]


def test_the_date_guards_a_resumed_transfer_without_a_strong_etag(server: Server, tmp_path: Path) -> None:
    date = "Thu, 01 Jan 2009 00:00:00 GMT"
    kept = {"ETag": 'W/"weak"', "Last_Modified": date}
    rest = answer(206, BODY[HALF:], Content_Range=f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}", **kept)
    server.answers = [answer(200, BODY[:HALF], Content_Length=len(BODY), **kept), rest]
    assert get(tmp_path, Source(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.requests[1]["If-Range"] == date


def test_a_server_that_ignores_range_is_read_from_the_start(server: Server, tmp_path: Path) -> None:
    server.answers = [serve(BODY, until=HALF), answer(200, BODY, ETag='"one"')]
    assert get(tmp_path, Source(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-"]


def test_without_a_validator_nothing_is_resumed(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(200, BODY[:HALF], Content_Length=len(BODY)), answer(200, BODY)]
    assert get(tmp_path, Source(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, None]


def test_a_file_that_changed_is_not_spliced(server: Server, tmp_path: Path) -> None:
    server.answers = [serve(BODY, until=HALF), serve(OTHER, etag='"two"')]
    assert get(tmp_path, Source(server.url, md5(OTHER))).path.read_bytes() == OTHER
    assert len(server.requests) == 2


def test_a_server_that_ignores_if_range_is_caught_by_its_etag(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = answer(
        206, OTHER[HALF:], Content_Range=f"bytes {HALF}-{len(OTHER) - 1}/{len(OTHER)}", ETag='"two"'
    )
    server.answers = [serve(BODY, until=HALF), wrong, serve(OTHER, etag='"two"')]
    assert get(tmp_path, Source(server.url, md5(OTHER))).path.read_bytes() == OTHER
    assert server.ranges() == [None, f"bytes={HALF}-", None]
    assert "answered 206 Partial Content with another part than the rest" in caplog.text


def test_a_spliced_file_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.answers = [serve(BODY, until=HALF), serve(OTHER), serve(OTHER)]  # the same ETag, another file
    assert get(tmp_path, Source(server.url, md5(OTHER))).path.read_bytes() == OTHER
    assert server.ranges() == [None, f"bytes={HALF}-", None]


def test_a_part_of_one_source_is_not_continued_from_another(server: Server, tmp_path: Path) -> None:
    server.answers = [serve(BODY, until=HALF), serve(BODY)]
    first, second = Source(server.url, md5(BODY)), Source(server.url + "?copy", md5(BODY))
    assert get(tmp_path, first, second, retries=0).path.read_bytes() == BODY
    assert server.ranges() == [None, None]


@pytest.mark.parametrize("span", [f"bytes 0-{HALF - 1}/{len(BODY)}", "nonsense", ""])
def test_a_wrong_part_is_refused(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, span: str
) -> None:
    wrong = answer(206, BODY[:HALF], Content_Range=span, ETag='"one"')
    server.answers = [serve(BODY, until=HALF), wrong, serve(BODY)]
    assert get(tmp_path, Source(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-", None]
    assert "answered 206 Partial Content with another part than the rest" in caplog.text


def test_a_part_that_is_whole_needs_no_more(server: Server, tmp_path: Path) -> None:
    # the length is a lie; asked for the rest, the server says that there is none
    server.answers = [answer(200, BODY, Content_Length=len(BODY) + 9, ETag='"one"'), serve(BODY)]
    assert get(tmp_path, Source(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={len(BODY)}-"]


def test_a_range_that_cannot_be_had_starts_over(server: Server, tmp_path: Path) -> None:
    server.answers = [serve(BODY, until=HALF), answer(416, Content_Range="bytes */7"), serve(BODY)]
    assert get(tmp_path, Source(server.url, md5(BODY))).path.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-", None]


def test_a_length_that_is_too_long(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(200, BODY, Content_Length=len(BODY) + 100)]
    with pytest.raises(DownloadError, match=r"broke off at 100,000 of 100,100 bytes \(2 tries\)"):
        get(tmp_path, Source(server.url, md5(BODY)), retries=1)
    assert len(server.requests) == 2
    assert not (tmp_path / "images.tar.gz").exists()


def test_a_length_that_is_too_short(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(200, BODY, Content_Length=HALF, ETag='"one"')]
    with pytest.raises(DownloadError, match=f"sent 50,000 bytes whose md5 is {md5(BODY[:HALF]).digest}, not"):
        get(tmp_path, Source(server.url, md5(BODY)))
    assert leftovers(tmp_path) == []


def test_what_the_server_calls_gzip_is_kept_as_sent(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(200, BODY, Content_Encoding="gzip")]
    assert get(tmp_path, Source(server.url, md5(BODY))).path.read_bytes() == BODY


@pytest.mark.parametrize("announced", [True, False])
def test_too_much_is_not_taken(server: Server, tmp_path: Path, announced: bool) -> None:
    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()  # no length: the body ends with the connection
        handler.wfile.write(BODY)

    server.answers = [answer(200, BODY) if announced else endless]
    with pytest.raises(
        DownloadError, match="announced 100,000 bytes" if announced else "sent over 70,000 bytes"
    ):
        fetch([Source(server.url, md5(BODY))], tmp_path / "x", backoff_s=0, limit_bytes=70_000)


# the order of sources and tries


def test_wrong_bytes_lead_to_the_next_source(server: Server, tmp_path: Path) -> None:
    server.answers = [serve(OTHER), serve(BODY)]
    fetched = get(tmp_path, Source(server.url + "?bad", md5(BODY)), Source(server.url, md5(BODY)))
    assert fetched.path.read_bytes() == BODY
    assert len(server.requests) == 2


def test_not_found_is_not_tried_again(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(404)]
    with pytest.raises(DownloadError, match=r"answered 404 Not Found$"):
        get(tmp_path, Source(server.url, md5(BODY)))
    assert len(server.requests) == 1


def test_a_busy_server_is_tried_again(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(503), answer(503), serve(BODY)]
    assert get(tmp_path, Source(server.url, md5(BODY))).path.read_bytes() == BODY
    assert len(server.requests) == 3


def test_the_waits_double(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("darkroom.data.download.fetching.time.sleep", waits.append)
    server.answers = [answer(500)]
    with pytest.raises(DownloadError, match=r"answered 500 Internal Server Error \(4 tries\)"):
        fetch([Source(server.url, md5(BODY))], tmp_path / "x", retries=3, backoff_s=0.5)
    assert waits == [0.5, 1.0, 2.0]


def test_the_error_names_every_source_and_the_way_out(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(404), serve(OTHER)]
    closed, absent = closed_port(), tmp_path / "absent.tar.gz"
    sources = [Source(server.url, md5(BODY)), Source(server.url, md5(BODY)), Source(closed, md5(BODY))]
    with pytest.raises(DownloadError) as caught:
        get(tmp_path, Source(absent, md5(BODY)), *sources, retries=1, advice="do this")
    assert str(caught.value).splitlines() == [
        "no source gave images.tar.gz:",
        f"  {absent}: no such file",
        f"  {server.url}: answered 404 Not Found",
        f"  {server.url}: sent 100,000 bytes whose md5 is {md5(OTHER).digest}, not {md5(BODY).digest}",
        f"  {closed}: no connection: Connection refused (2 tries)",
        "do this",
    ]
    assert leftovers(tmp_path) == []


def test_secrets_in_a_url_stay_there(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = server.server_address[1]
    secret = f"http://me:hidden@127.0.0.1:{port}/images.tar.gz?token=hidden"
    server.answers = [serve(BODY, until=HALF), serve(BODY)]
    assert get(tmp_path, Source(secret, md5(BODY))).source == server.url
    unreachable = closed_port().replace("//", "//me:hidden@") + "?token=hidden"
    with pytest.raises(DownloadError) as caught:
        get(tmp_path / "b", Source(unreachable, md5(BODY)))
    written = "".join(path.read_text(errors="ignore") for path in tmp_path.glob("*.json"))
    assert "hidden" not in str(caught.value) + caplog.text + written


def test_what_is_there_already_is_used(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        assert get(tmp_path, Source(server.url, md5(BODY))).source == server.url
    assert len(server.requests) == 1
    (tmp_path / "images.tar.gz").write_bytes(BODY[:-1])
    assert get(tmp_path, Source(server.url, md5(BODY))).path.read_bytes() == BODY
    assert len(server.requests) == 2


def test_an_archive_put_there_by_hand_is_used(tmp_path: Path) -> None:
    (tmp_path / "images.tar.gz").write_bytes(BODY)
    assert get(tmp_path, Source(closed_port(), md5(BODY))).source == "images.tar.gz"


def test_a_local_file_is_used_where_it_is(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "mine.tar.gz"
    path.write_bytes(BODY)
    mirror = parse_mirror(f"{path}#sha256={hashlib.sha256(BODY).hexdigest()}", OFFICIAL)
    assert get(tmp_path / "downloads", mirror) == fetching.Fetched(path, "mine.tar.gz")
    assert not (tmp_path / "downloads").exists()


def test_a_wrong_local_file_leads_to_the_next_source(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "mine.tar.gz"
    path.write_bytes(OTHER)
    mirror = parse_mirror(f"{path}#sha256={hashlib.sha256(BODY).hexdigest()}", OFFICIAL)
    assert get(tmp_path, mirror, Source(server.url, md5(BODY))).source == server.url
    with pytest.raises(
        DownloadError, match=f"mine.tar.gz: holds .* {hashlib.sha256(OTHER).hexdigest()}, not"
    ):
        get(tmp_path / "empty", mirror)


# the mirror's name

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("value", "location", "checksum"),
    [
        ("https://host/a.tar.gz", "https://host/a.tar.gz", OFFICIAL),
        (f" http://host/a#sha256={DIGEST.upper()} ", "http://host/a", Checksum("sha256", DIGEST)),
        ("/data/a.tar.gz", Path("/data/a.tar.gz"), OFFICIAL),
        (f"/data/a#1#sha256={DIGEST}", Path("/data/a#1"), Checksum("sha256", DIGEST)),
        ("file:///data/my%20a.tar.gz", Path("/data/my a.tar.gz"), OFFICIAL),
        ("a.tar.gz", Path.cwd() / "a.tar.gz", OFFICIAL),
    ],
)
def test_a_mirror_is_read(value: str, location: str | Path, checksum: Checksum) -> None:
    assert parse_mirror(value, OFFICIAL) == Source(location, checksum)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("/data/a#sha256=12", "'sha256=12': after # write sha256= and 64 hexadecimal digits"),
        (f"/data/a#sha256={DIGEST[:-1]}g", "64 hexadecimal"),
        (f"/data/a#md5={DIGEST}", "64 hexadecimal"),
        ("/data/a#", "64 hexadecimal"),
        (f"#sha256={DIGEST}", "expected a URL or the path"),
        ("ftp://host/a", "'ftp://host/a': expected http"),
        ("file://host/a", "expected http"),
        ("https:///a", "expected http"),
        ("http://[::1/a", "no URL"),
    ],
)
def test_a_malformed_mirror_is_refused(value: str, message: str) -> None:
    with pytest.raises(DownloadError) as caught:
        parse_mirror(value, OFFICIAL)
    assert message in str(caught.value)


# the archive

MEMBERS = {"one.bin": 5, "two.bin": 5, "names.txt": None}
GOOD = {"f/one.bin": b"11111", "f/two.bin": b"22222", "f/names.txt": b"cat dog"}


def pack(path: Path, files: dict[str, bytes], *extra: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in extra:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_the_members_come_out_flat_and_replace_what_was_there(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.gz", {**GOOD, "f/readme.html": b"<p>"}, special("f", tarfile.DIRTYPE))
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    (raw / "old.bin").write_bytes(b"old")
    unpack(archive, raw, folder="f", members=MEMBERS)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == {
        name.removeprefix("f/"): content for name, content in GOOD.items()
    }
    assert leftovers(raw.parent) == ["raw"]


@pytest.mark.parametrize(
    ("files", "extra", "message"),
    [
        ({**GOOD, "f/../../evil": b""}, [], "'f/../../evil' (a file): expected each of one.bin, two.bin"),
        ({**GOOD, "../evil": b""}, [], "'../evil'"),
        ({**GOOD, "/tmp/evil": b""}, [], "'/tmp/evil'"),
        ({**GOOD, "f/more.bin": b""}, [], "'f/more.bin'"),
        ({**GOOD, "one.bin": b"11111"}, [], "'one.bin'"),
        ({"f/one.bin": b"11111", "f/./two.bin": b"22222"}, [], "'f/./two.bin'"),
        (GOOD, [special("f/one.bin", tarfile.REGTYPE)], "'f/one.bin' (a file): expected each"),
        (GOOD, [special("f/dir", tarfile.DIRTYPE)], "'f/dir' (a folder)"),
        (GOOD, [special("f/pipe", tarfile.FIFOTYPE)], "(neither file nor folder)"),
        ({}, [special("f/one.bin", tarfile.SYMTYPE, "/etc/passwd")], "(a link to '/etc/passwd')"),
        ({}, [special("f/one.bin", tarfile.LNKTYPE, "f/two.bin")], "(a link to 'f/two.bin')"),
        ({}, [special("f", tarfile.SYMTYPE, "/tmp")], "(a link to '/tmp')"),
        ({"f/one.bin": b"11111"}, [], "lacks f/two.bin, f/names.txt"),
        ({**GOOD, "f/two.bin": b"2222"}, [], "two.bin has 4 bytes; expected 5"),
        ({**GOOD, "f/names.txt": bytes(5000)}, [], "names.txt has 5,000 bytes; expected at most 4,096"),
    ],
)
def test_an_archive_that_is_not_as_expected(
    tmp_path: Path, files: dict[str, bytes], extra: list[tarfile.TarInfo], message: str
) -> None:
    archive = pack(tmp_path / "a.tar.gz", files, *extra)
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    (raw / "old.bin").write_bytes(b"old")
    with pytest.raises(DownloadError) as caught:
        unpack(archive, raw, folder="f", members=MEMBERS)
    assert message in str(caught.value)
    assert leftovers(raw) == ["old.bin"]
    assert leftovers(raw.parent) == ["raw"]
    assert leftovers(tmp_path) == ["a.tar.gz", "data"]


@pytest.mark.parametrize("damage", ["cut", "garbled", "text"])
def test_a_damaged_archive(tmp_path: Path, damage: str) -> None:
    archive = pack(tmp_path / "a.tar.gz", {**GOOD, "f/readme.html": BODY})
    content = archive.read_bytes()
    garbled = content[:30] + bytes([255] * 30) + content[60:]
    archive.write_bytes({"cut": content[:HALF], "garbled": garbled, "text": b"<html>"}[damage])
    with pytest.raises(DownloadError, match=r"is not a whole \.tar\.gz archive"):
        unpack(archive, tmp_path / "raw", folder="f", members=MEMBERS)
    assert leftovers(tmp_path) == ["a.tar.gz"]


# the data sets and the stage


@pytest.fixture(scope="module")
def black_cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of CIFAR-10's shape, every image black: it packs to 200 kB."""
    path = tmp_path_factory.mktemp("mirror") / "black.tar.gz"
    files = {f"{cifar10.FOLDER}/batches.meta.txt": b"airplane\nautomobile\n"}
    members = []
    for name, size in cifar10.MEMBERS.items():
        if size is not None:
            member = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
            member.size = size
            members.append(member)
    return pack(path, files, *members)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A copy of what the stage runs on."""
    for folder in ("src", "pipeline"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def run_stage(scratch: Path, data: str, mirror: str = "") -> subprocess.CompletedProcess[str]:
    params = (scratch / "params.yaml").read_text()
    (scratch / "params.yaml").write_text(params.replace("  name: cifar10 ", f"  name: {data} ", 1))
    return subprocess.run(
        [sys.executable, "-m", "pipeline.download"],
        cwd=scratch,
        env={**os.environ, "DARKROOM_MIRROR": mirror},
        capture_output=True,
        text=True,
    )


def test_the_stage_takes_digits_from_scikit_learn(scratch: Path) -> None:
    for _ in range(2):  # again over what is there
        done = run_stage(scratch, "digits", mirror="nonsense://")
        assert done.returncode == 0, done.stderr
    used = json.loads((scratch / "data/source.json").read_text())
    assert used["data"] == "digits"
    assert used["official"] is True
    assert used["source"].startswith("scikit-learn 1.")
    assert leftovers(scratch / "data") == ["raw", "source.json"]
    assert leftovers(scratch / "data/raw") == ["digits.csv.gz"]
    assert used["sha256"] == sha256_file(scratch / "data/raw/digits.csv.gz")
    assert used["sha256"] in done.stdout


def test_the_stage_takes_cifar10_from_a_mirror(scratch: Path, black_cifar10: Path) -> None:
    digest = sha256_file(black_cifar10)
    done = run_stage(scratch, "cifar10", mirror=f"{black_cifar10}#sha256={digest}")
    assert done.returncode == 0, done.stderr
    assert json.loads((scratch / "data/source.json").read_text()) == {
        "data": "cifar10",
        "source": "black.tar.gz",
        "official": False,
        "sha256": digest,
        "md5": hashlib.md5(black_cifar10.read_bytes(), usedforsecurity=False).hexdigest(),
        "bytes": black_cifar10.stat().st_size,
    }
    assert leftovers(scratch / "data/raw") == sorted(cifar10.MEMBERS)
    assert (scratch / "data/raw/test_batch.bin").stat().st_size == 30_730_000
    assert "not the official file" in done.stdout
    assert f"sha256 {digest}" in done.stderr  # logged, too


def test_the_stage_stops_at_a_malformed_mirror(scratch: Path) -> None:
    done = run_stage(scratch, "cifar10", mirror="/data/a#sha256=12")
    assert done.returncode == 1
    assert "64 hexadecimal digits" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (scratch / "data").exists()


def test_cifar10_without_a_source_says_how_to_give_a_file(tmp_path: Path, black_cifar10: Path) -> None:
    closed = closed_port()
    raw, downloads = tmp_path / "data/raw", tmp_path / ".downloads"
    with pytest.raises(DownloadError) as caught:
        obtain_cifar10(
            raw=raw, downloads=downloads, mirror=str(black_cifar10), urls=[closed], retries=1, backoff_s=0
        )
    first, mirror, official, *advice = str(caught.value).splitlines()
    assert first == "no source gave cifar-10-binary.tar.gz:"
    assert mirror.startswith(f"  {black_cifar10}: holds ")
    assert mirror.endswith(f"not {cifar10.MD5}")
    assert official == f"  {closed}: no connection: Connection refused (2 tries)"
    assert '  export DARKROOM_MIRROR="/path/to/cifar-10-binary.tar.gz"' in advice
    assert (
        '  export DARKROOM_MIRROR="/path/to/cifar-10-binary.tar.gz#sha256=<64 hexadecimal digits>"' in advice
    )
    assert not raw.exists()
    assert leftovers(downloads) == []
