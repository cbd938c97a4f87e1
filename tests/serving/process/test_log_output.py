"""What a served Bento writes to stdout and stderr, whatever bytes its clients send."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.helpers.serving import bento_of, encoded, free_port, random_image
from tests.helpers.waiting import answers, eventually

pytestmark = pytest.mark.timeout(180)
FORGED = "2026-01-01T00:00:00+0000 [ERROR] [entry_service:darkroom:1] all is lost"
NASTY = b"\x1b[2J\x1b]0;title\x07\x9b31m\r\x7f\xff\xc2\x9b\xe2\x80\xae"
IN_PATH = b"%0a" + FORGED.replace(" ", "%20").encode() + b"%1b%5b31m%0d%00%c2%9b%e2%80%ae%ff"
PNG = encoded(random_image())
EVENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[[A-Z]+\] \[\S+\] \S")


def form(field: bytes, name: bytes, text: bytes = b"") -> bytes:
    return (
        b'--cut\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\nContent-Type: %b\r\n\r\n%b\r\n'
        b'--cut\r\nContent-Disposition: form-data; name="class"\r\n\r\n%b\r\n--cut--\r\n'
        % (field, name, NASTY.replace(b"\r", b""), PNG, text)
    )


def message(method: bytes, target: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    lines = [b"%b %b HTTP/1.1" % (method, target), b"Host: localhost", b"Connection: close", *headers]
    if body:
        lines += [b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*lines, b"", b""]) + body


MULTIPART = b"Content-Type: multipart/form-data; boundary=cut"
REQUESTS = {
    "path": message(b"GET", b"/" + IN_PATH),
    "raw bytes in the path": message(b"GET", b"/\xff\xfe\x9b31m"),
    "an escape in the path": message(b"GET", b"/\x1b[31m"),
    "query": message(b"GET", b"/model?k=" + IN_PATH),
    "a bad k": message(b"POST", b"/predict?k=" + IN_PATH, MULTIPART, body=form(b"image", b"a.png")),
    "absolute target": message(b"GET", b"http://x" + IN_PATH + b"/"),
    "User-Agent": message(b"GET", b"/model", b"User-Agent: " + NASTY.replace(b"\r", b"")),
    "User-Agent with controls above ASCII": message(b"GET", b"/model", b"User-Agent: \x9b31m\xff\x85"),
    "Referer": message(b"GET", b"/model", b"Referer: \xff\xfe" + FORGED.encode()),
    "a line break in a header": message(b"GET", b"/model", b"User-Agent: a\n" + FORGED.encode()),
    "a folded header": message(b"GET", b"/model", b"User-Agent: a\r\n " + FORGED.encode()),
    "Content-Type": message(b"POST", b"/predict", b"Content-Type: text/\xff\x9b31m", body=b"x"),
    "Host": message(b"GET", b"/model", b"Host: \xff" + FORGED.encode()),
    "Origin": message(b"POST", b"/predict", b"Origin: http://\xff\x9b", body=b"x"),
    "Authorization": message(b"GET", b"/model", b"Authorization: Bearer \xff\x9b31m"),
    "X-Forwarded-For": message(
        b"GET", b"/model", b"X-Forwarded-For: \xff\x9b31m, x y", b"Forwarded: for=\xff"
    ),
    "X-Forwarded-Prefix": message(
        b"GET", b"/", b"X-Forwarded-Prefix: /%0a\xff", b"X-Forwarded-Host: \xff\x9b"
    ),
    "method": message(b"G\x1b[31mET", b"/"),
    "another method": message(b"PROPFIND", b"/" + IN_PATH),
    "header name": message(b"GET", b"/", b"X\x1b[31m: y"),
    "file name": message(
        b"POST", b"/predict", MULTIPART, body=form(b"image", NASTY.replace(b"\r", b"") + b".png")
    ),
    "file name with a line break": message(
        b"POST", b"/predict", MULTIPART, body=form(b"image", b"a.png\n" + FORGED.encode())
    ),
    "field name": message(b"POST", b"/predict", MULTIPART, body=form(b"\x1b[31m\xff", b"a.png")),
    "class": message(
        b"POST", b"/feedback", MULTIPART, body=form(b"image", b"a.png", NASTY + FORGED.encode())
    ),
    "websocket": message(b"GET", b"/" + IN_PATH, b"Upgrade: websocket", b"Sec-WebSocket-Key: x"),
    "no HTTP": b"\x1b[31m\n" + FORGED.encode() + b"\n\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + NASTY,
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Send every request to a service with its access log on; return what it wrote for each."""
    home, tag, _ = bento_of("cifar10")
    folder = tmp_path_factory.mktemp("log")
    log, port = folder / "output", free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "BENTOML_HOME": str(home),
        "DARKROOM_WORKERS": "1",
        "DARKROOM_ACCESS_LOG": "1",
        "DARKROOM_FEEDBACK": str(folder / "feedback"),
        "DARKROOM_PROXIES": "127.0.0.1",
    }
    command = [sys.executable, "-m", "bentoml", "serve", tag, "--port", str(port)]
    with log.open("wb") as file:
        server = subprocess.Popen(
            command, env=environment, cwd=home, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz"), log.read_text, process=server)
        written, start = {}, log.stat().st_size
        for name, request in REQUESTS.items():
            send(port, request)
            # the line of this one comes last
            send(port, message(b"GET", b"/end"))
            size = start
            eventually(lambda size=size: b"path=/end)" in tail(log, size), lambda: log.read_text("latin-1"))  # type: ignore[misc]
            whole = tail(log, start)
            start += len(whole)
            written[name] = whole.decode("utf-8", "strict")
        yield written
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def tail(path: Path, start: int) -> bytes:
    """Return the whole lines of a file from `start`."""
    content = path.read_bytes()[start:]
    return content[: content.rfind(b"\n") + 1]


def send(port: int, request: bytes) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", port), 30)) as connection:
        connection.sendall(request)
        response = b""
        try:
            while received := connection.recv(65536):
                response += received
        except ConnectionError:
            pass
        return response


@pytest.mark.parametrize("name", REQUESTS)
def test_every_line_is_an_event_without_control_characters(output: dict[str, str], name: str) -> None:
    lines = output[name].removesuffix("\n").split("\n")
    assert 1 <= len(lines) <= 4, lines  # its own, a warning, that of /end, and one that came late
    for line in lines:
        assert line.isprintable(), ascii(line)
        assert EVENT.match(line), ascii(line)
        assert "Traceback" not in line
        assert not line.startswith("2026-01-01")


def test_the_access_log_has_the_clients_text_escaped(output: dict[str, str]) -> None:
    assert f"path=/\\n{FORGED}\\x1b[31m\\r\\x00" in output["path"]
