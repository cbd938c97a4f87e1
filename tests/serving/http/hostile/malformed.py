"""Forms, bodies, paths, headers and bytes that no honest client sends."""

import contextlib
import json
import socket
from contextlib import closing
from urllib.parse import quote

import numpy as np

from tests.helpers.serving import encoded, random_image
from tests.serving.http.hostile.counts import SECONDS, Counts

Random = np.random.Generator


def send_malformed(url: str, count: int, random: Random, link: str, counts: Counts) -> None:
    """Send forms, bodies, paths, headers and bytes that no honest client sends."""
    kinds = [odd_form, odd_body, odd_path, odd_header, odd_bytes]
    for number in range(count):
        request, must_respond = kinds[number % len(kinds)](random, link)
        counts[exchange(url, request, must_respond)] += 1


def exchange(url: str, request: bytes, must_respond: bool) -> str:
    """Send bytes on a new connection; return the kind of response."""
    host, port = url.removeprefix("http://").split(":")
    response = b""
    try:
        connection = socket.create_connection((host, int(port)), timeout=SECONDS)
        with closing(connection), contextlib.suppress(ConnectionError):
            connection.sendall(request)
            if not must_respond:
                connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65536):
                response += received
    except TimeoutError:
        return f"none: no end after {SECONDS} seconds"
    head, _, body = response.partition(b"\r\n\r\n")
    parts = head.split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1."):
        return "none: closed without a response" if must_respond else "closed"
    status, code = parts[1].decode("latin-1"), ""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        code = " " + json.loads(body)["error"]["code"]
    return status + code


def http(method: str, path: str, body: bytes = b"", *, headers: dict[str, str] | None = None) -> bytes:
    """Return a request with `Connection: close`."""
    given = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(body)), **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def text_of(random: Random, link: str) -> str:
    """Return a text that a careless service would open, execute or crash on."""
    return str(
        random.choice(
            [
                link,
                "file:///etc/passwd",
                "/etc/passwd",
                "../../models/champion/model.json",
                "data:image/png;base64,AAAA",
                "'; DROP TABLE x; --",
                "{{7*7}}${7*7}",
                "<script>alert(1)</script>",
                "\0\1\2",
                "9" * 400,
                "-1",
                "1e309",
                "NaN",
                "\u0663",
                "",
                "x" * 20_000,
            ]
        )
    )


def odd_form(random: Random, link: str) -> tuple[bytes, bool]:
    """Return a multipart form with odd parts."""
    parts = b""
    for _ in range(int(random.integers(0, 6))):
        name = random.choice(["image", "images", "k", "url", "file", "", "args", "__proto__", '"\r\n'])
        lines = f'--cut\r\nContent-Disposition: form-data; name="{name}"'
        if random.random() < 0.5:
            lines += f'; filename="{text_of(random, link)[:100]}"'
        if random.random() < 0.3:
            lines += "\r\nContent-Type: " + str(
                random.choice(["image/png", "text/uri-list", "application/json"])
            )
        if random.random() < 0.1:
            lines += "\r\nX-Long: " + "y" * int(random.integers(1, 30_000))
        content = text_of(random, link).encode() if random.random() < 0.7 else random.bytes(200)
        parts += lines.encode("latin-1", "replace") + b"\r\n\r\n" + content + b"\r\n"
    end = random.choice(["--cut--\r\n", "--cut--", "", "--other--\r\n"]).encode()
    boundary = random.choice(["cut", "cut", "cut", '"cut"', "", "c" * 300, "other"])
    kind = f"multipart/form-data; boundary={boundary}"
    path = random.choice(["/predict", "/predict_batch"])
    return http(
        "POST", f"{path}?k={random.integers(-3, 14)}", parts + end, headers={"Content-Type": kind}
    ), True


def odd_body(random: Random, link: str) -> tuple[bytes, bool]:
    """Return a body of another type, such as BentoML's JSON forms or a bare image."""
    text = text_of(random, link)
    bodies: list[tuple[str, bytes]] = [
        ("application/json", json.dumps({"image": text}).encode()),
        ("application/json", json.dumps({"images": [text, text]}).encode()),
        ("application/json", json.dumps([{"image": {"url": text}}]).encode()),
        ("application/json", b"[" * 5_000),
        ("application/vnd.bentoml+pickle", b"\x80\x04cos\nsystem\n(S'id'\ntR."),
        ("application/octet-stream", b"\x80\x04cos\nsystem\n(S'id'\ntR."),
        ("application/x-www-form-urlencoded", f"image={text}".encode("utf-8", "replace")),
        ("image/png", encoded(random_image())),
        ("text/uri-list", text.encode("utf-8", "replace")),
        ("text/plain", text.encode("utf-8", "replace")),
        ("multipart/mixed; boundary=cut", b"--cut--"),
        ("", random.bytes(100)),
    ]
    kind, body = bodies[int(random.integers(0, len(bodies)))]
    path = random.choice(
        ["/predict", "/predict_batch", "/predict/", "/v1/predict", "/feedback", "/model", "/"]
    )
    headers = {"Content-Type": kind, "Payload-Container": "NdarrayContainer", "Bento-Name": "x"}
    return http("POST", str(path), body, headers=headers), True


def odd_path(random: Random, link: str) -> tuple[bytes, bool]:
    """Return a path that leaves its folder or does not exist."""
    steps = [
        "..",
        "%2e%2e",
        "page",
        "%00",
        "static_content",
        "~",
        ".git",
        "%c0%ae",
        "predict",
        "x" * 200,
        "%",
        "%zz",
    ]
    path = "/" + "/".join(str(step) for step in random.choice(steps, int(random.integers(0, 6))))
    if random.random() < 0.3:
        path = str(
            random.choice(["/schema.json", "/docs.json", "/metrics", "/readyz", "/card", "//predict", "*"])
        )
    if random.random() < 0.3:
        path += "?url=" + quote(text_of(random, link))
    if random.random() < 0.1:
        path = link  # as a client sends it to a proxy
    method = random.choice(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"])
    return http(str(method), path), True


def odd_header(random: Random, link: str) -> tuple[bytes, bool]:
    """Return a request with a misleading or oversized header."""
    headers: list[dict[str, str]] = [
        {"Host": "evil.example"},
        {"Host": ""},
        {"Host": "[::1"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://["},
        {"Authorization": "Bearer " + "x" * 5_000},
        {"Authorization": "Bearer \u00e9"},
        {"Authorization": "Basic eDp5"},
        {"X-Forwarded-For": text_of(random, link).replace("\0", "")[:100], "X-Forwarded-Proto": "gopher"},
        {"X-Forwarded-Host": "evil.example", "Forwarded": "for=x;host=y"},
        {
            "Upgrade": "websocket",
            "Connection": "Upgrade, close",
            "Sec-WebSocket-Key": "x" * 24,
            "Sec-WebSocket-Version": "13",
        },
        {"Upgrade": "h2c", "Connection": "Upgrade, close"},
        {"Content-Type": "multipart/form-data; boundary=" + "b" * 5_000},
        {"Content-Encoding": "gzip", "Content-Type": "multipart/form-data; boundary=cut"},
        {"Range": "bytes=0-,0-,0-,5-1"},
        {"If-None-Match": "*", "If-Modified-Since": "never"},
        {"Expect": "200-maybe"},
        {"Accept": "application/" + "x" * 1_000, "Cookie": "a=" + "b" * 10_000},
        {"X-Many": "y"} | {f"X-{number}": "y" for number in range(500)},
        {"Accept-Encoding": "*;q=nan", "Accept-Language": "\u00ff" * 50},
    ]
    chosen = headers[int(random.integers(0, len(headers)))]
    method, path = random.choice(
        [("GET", "/"), ("GET", "/page/main.js"), ("POST", "/predict"), ("GET", "/model")]
    )
    return http(str(method), str(path), headers=chosen), True


def odd_bytes(random: Random, link: str) -> tuple[bytes, bool]:
    """Return bytes that are hardly HTTP; the connection may be closed without a response."""
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\nContent-Type: multipart/form-data; boundary=cut\r\n\r\n"
    requests_: list[bytes] = [
        random.bytes(int(random.integers(1, 500))),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET  /  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET / HTTP/1.1\nHost: localhost\n\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.bytes(100),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head + b"Content-Length: -5\r\n\r\n",
        head + b"Content-Length: 99999999999999999999\r\n\r\nx",
        head + b"Content-Length: 1000\r\nContent-Type: multipart/form-data; boundary=cut\r\n\r\n--cut",
        chunked + b"zz\r\n\r\n",
        chunked + b"ffffffffffffffff1\r\nx",
        chunked + b"5\r\n--cut\r\n",
        chunked + b"3;" + b"e" * 3_000 + b"\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * int(random.integers(1, 100_000)) + b"\r\n\r\n",
        b"",
    ]
    return requests_[int(random.integers(0, len(requests_)))], False
