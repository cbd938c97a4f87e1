"""Ten thousand hostile requests to a real service: `make test-hostile`.

`python -m tests.serving.http.hostile --help` lists its options.
A third comes from the service's own description of its API (schemathesis: what it calls possible, and
what not), a third are damaged images of every format, the rest are requests that no honest client
makes. Every request must be answered in time, none by a 5xx, and nobody may be called up: a listener
stands where the requests point.
"""

import argparse
import contextlib
import json
import socket
import struct
import sys
import time
import zlib
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.helpers.serving import bento_of, encoded, random_image, serve_bento

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SECONDS = 30  # within which every request must be answered
Random = np.random.Generator
Count = Counter[str]


def main() -> None:
    """Run, print the count by kind of answer, and fail on what must not be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000, help="in all (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default %(default)s)")
    parser.add_argument("--counts", type=Path, help="write the counts to this JSON file too")
    options = parser.parse_args()
    started = time.perf_counter()
    with serve_bento(*bento_of("cifar10")[:2], settings={"DARKROOM_WORKERS": "2"}) as url:
        counts = attack(url, options.requests, options.seed)
    for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        print(f"{count:7,}  {kind}")
    total = sum(counts.values())
    print(f"{total:7,}  requests in {time.perf_counter() - started:.0f} s, seed {options.seed}")
    if options.counts:
        options.counts.write_text(json.dumps(dict(sorted(counts.items())), indent=1) + "\n", encoding="utf-8")
    if bad := wrong(counts):
        sys.exit("These must not be: " + ", ".join(bad))


def wrong(counts: Count) -> list[str]:
    """Return the kinds of answer that must not be among the counts."""
    return sorted(kind for kind in counts if kind[0] == "5" or kind.startswith(("none", "wrong")))


def attack(url: str, count: int, seed: int) -> Count:
    """Send `count` hostile requests; return how many got which kind of answer.

    A kind is the status with the error's code, `closed` where a malformed request got no answer but
    its end, `none` where an answer was due and did not come, `wrong` where it was not as described.
    """
    random = np.random.default_rng(seed)
    counts: Count = Counter()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        link = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
        described(url, count // 3, seed, counts)
        random_images(url, count // 3, random, counts)
        rude(url, count - 2 * (count // 3), random, link, counts)
        listener.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            listener.accept()
            counts["wrong: the service opened a connection to where a request pointed"] += 1
    answer = requests.post(url + "/predict", files={"image": encoded(random_image())}, timeout=SECONDS)
    if answer.status_code != 200:
        counts[f"wrong: afterwards a good image gets {answer.status_code}"] += 1
    return counts


def kind_of(answer: requests.Response) -> str:
    """Return the status with the error's code."""
    code = ""
    if answer.status_code >= 400:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            code = " " + answer.json()["error"]["code"]
    return f"{answer.status_code}{code}"


def described(url: str, count: int, number: int, counts: Count) -> None:
    """Send what the service's description calls possible and what it does not; check the answers by it."""
    schema = schemathesis.openapi.from_url(url + "/openapi.json", timeout=SECONDS)
    operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    session = requests.Session()
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    # the routes that take something, most; the others have nothing to vary
    takers = [operation for operation in operations if operation.method.upper() == "POST"]
    plans = [(operation, mode) for operation in takers for mode in modes]
    left = count
    for operation in operations:
        if operation not in takers:
            left -= run_described(operation, GenerationMode.POSITIVE, 10, number, session, counts)
    for place, (operation, mode) in enumerate(plans):
        share = left // (len(plans) - place)
        left -= run_described(operation, mode, share, number, session, counts)
    for _ in range(left):  # where hypothesis found fewer different cases than asked for
        counts[kind_of(session.post(url + "/predict", timeout=SECONDS))] += 1


def run_described(
    operation: Any, mode: GenerationMode, count: int, number: int, session: requests.Session, counts: Count
) -> int:
    """Send at most `count` cases of one operation; return how many were sent."""
    sent = 0

    @seed(number)
    @settings(
        max_examples=max(count, 1),
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        nonlocal sent
        if sent >= count:
            return
        sent += 1
        try:
            answer = case.call(session=session, timeout=SECONDS)
        except requests.RequestException as error:
            counts[f"none: {type(error).__name__}"] += 1
            return
        code = ""
        if answer.status_code >= 400:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                code = " " + json.loads(answer.content)["error"]["code"]
        counts[f"{answer.status_code}{code}"] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except (AssertionError, ExceptionGroup) as error:
            counts[f"wrong: {operation.method.upper()} {operation.path}: {str(error)[:300]}"] += 1

    run()
    return sent


# --- images ----------------------------------------------------------------------------------------


def originals() -> list[bytes]:
    """Return good files of every format, in its variants."""
    rgb = Image.fromarray(random_image(40, 56))
    grey = rgb.convert("L")
    kinds: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (rgb, "PNG", {}),
        (rgb.convert("RGBA"), "PNG", {}),
        (rgb.quantize(16), "PNG", {"transparency": 3}),
        (Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "PNG", {}),
        (rgb, "JPEG", {}),
        (rgb, "JPEG", {"progressive": True}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (grey, "JPEG", {"exif": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"}),
        (rgb, "WEBP", {}),
        (rgb.convert("RGBA"), "WEBP", {"lossless": True}),
        (rgb, "WEBP", {"save_all": True, "append_images": [grey.convert("RGB")]}),
        (rgb, "GIF", {}),
        (rgb, "GIF", {"save_all": True, "append_images": [grey.convert("RGB")], "transparency": 0}),
        (rgb, "BMP", {}),
        (grey, "BMP", {}),
        (rgb.convert("1"), "BMP", {}),
        (rgb, "TIFF", {}),
        (rgb, "TIFF", {"compression": "tiff_lzw"}),
        (rgb, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (rgb, "TIFF", {"compression": "jpeg"}),
        (grey.convert("1"), "TIFF", {"compression": "group4"}),
        (grey.convert("F"), "TIFF", {}),
        (grey.convert("I"), "TIFF", {}),
        (rgb.convert("CMYK"), "TIFF", {"compression": "packbits"}),
    ]
    return [encoded(image, kind, **options) for image, kind, options in kinds]


def mutated(data: bytes, random: Random, others: list[bytes]) -> bytes:
    """Return a file that was good, damaged once or several times."""
    out = bytearray(data)
    for _ in range(int(random.integers(1, 5))):
        place = int(random.integers(0, max(1, len(out))))
        length = int(random.integers(1, 33))
        way = int(random.integers(0, 9))
        if way == 0:
            out = out[:place]
        elif way == 1:
            out[place : place + length] = random.bytes(length)
        elif way == 2:
            del out[place : place + length]
        elif way == 3:
            out[place:place] = out[place : place + 20 * length] * int(random.integers(1, 20))
        elif way == 4:  # sizes and offsets stand at the beginning, as numbers of 2 or 4 bytes
            place = int(random.integers(0, min(128, max(1, len(out)))))
            extreme = random.choice([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
            out[place : place + 4] = struct.pack(">I" if random.random() < 0.5 else "<I", int(extreme))
        elif way == 5 and out:
            for _ in range(length):
                out[int(random.integers(0, len(out)))] ^= 1 << int(random.integers(0, 8))
        elif way == 6:
            other = others[int(random.integers(0, len(others)))]
            out[place:] = other[int(random.integers(0, len(other))) :]
        elif way == 7:
            out[place : place + 8 * length] = bytes(8 * length)
        else:
            out += random.bytes(length)
    return bytes(out[:2_000_000])


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bombs() -> list[bytes]:
    """Return small files that would become large, or take long, if they were believed."""
    head = b"\x89PNG\r\n\x1a\n"

    def png(width: int, height: int, *extra: bytes, pixels: bytes = b"") -> bytes:
        size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return head + chunk(b"IHDR", size) + b"".join(extra) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")

    zeros = zlib.compress(bytes(50_000_000), 9)
    good = zlib.compress((b"\0" + bytes(96)) * 32)
    jpeg = encoded(Image.fromarray(random_image(64, 64)), "JPEG", progressive=True)
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    gif = encoded(Image.fromarray(random_image()), "GIF")
    bmp = bytearray(encoded(Image.fromarray(random_image()), "BMP"))
    webp = bytearray(encoded(Image.fromarray(random_image()), "WEBP", lossless=True))
    files = [
        png(100_000, 100_000, pixels=zeros),
        png(0xFFFFFFFF, 0xFFFFFFFF),
        png(7_000, 7_000, pixels=zeros),
        png(32, 32, chunk(b"zTXt", b"a\0\0" + zeros), pixels=good),
        png(32, 32, chunk(b"iTXt", b"a\0\1\0\0\0" + zeros), pixels=good),
        png(32, 32, chunk(b"iCCP", b"a\0\0" + zeros), pixels=good),
        png(32, 32, *[chunk(b"tEXt", b"a\0" + b"b" * 1000)] * 1000, pixels=good),
        png(32, 32, chunk(b"acTL", struct.pack(">II", 0xFFFFFFFF, 0)), pixels=good),
        png(32, 32, pixels=zeros),
        jpeg[:-2] + scan * 5000 + jpeg[-2:],
        jpeg[:-2] + scan * 90 + jpeg[-2:],
        gif[:6] + b"\xff\xff\xff\xff" + gif[10:],
        encoded(Image.new("1", (10_000, 5_001))),
        encoded(Image.new("L", (7_000, 7_000)), "TIFF", compression="tiff_adobe_deflate"),
        encoded(Image.new("L", (7_000, 7_000)), "GIF"),
        bytes(webp[:25]) + b"\xff\xff\xff\xff" + bytes(webp[29:]),
    ]
    for width, height in ((0x7FFFFFFF, 0x7FFFFFFF), (32, -0x80000000 & 0xFFFFFFFF), (0, 0)):
        bmp[18:26] = struct.pack("<II", width, height)
        files.append(bytes(bmp))
    # a TIFF whose directory points to itself, one with many entries, one with an endless value
    loop = b"II*\0\x08\0\0\0" + struct.pack("<H", 0) + struct.pack("<I", 8)
    entry = struct.pack("<HHII", 256, 4, 0xFFFFFFFF, 8)
    many = b"II*\0\x08\0\0\0" + struct.pack("<H", 65535) + entry * 65535 + struct.pack("<I", 8)
    return [*files, loop, many, b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + struct.pack("<I", 0)]


def random_images(url: str, count: int, random: Random, counts: Count) -> None:
    """Send damaged images of every format and bombs, alone and in batches."""
    session = requests.Session()
    good, evil = originals(), bombs()
    for number in range(count):
        data = evil[number] if number < len(evil) else mutated(good[number % len(good)], random, good)
        if number % 10 == 9:
            files = [("images", ("a", good[number % len(good)])), ("images", ("b", data))]
            path = "/predict_batch"
        else:
            files, path = [("image", ("a", data))], "/predict"
        try:
            answer = session.post(url + path, files=files, timeout=SECONDS)
        except requests.RequestException as error:
            counts[f"none: {type(error).__name__}"] += 1
            session = requests.Session()
            continue
        counts[kind_of(answer)] += 1


# --- rude requests -----------------------------------------------------------------------------------


def rude(url: str, count: int, random: Random, link: str, counts: Count) -> None:
    """Send forms, bodies, paths, headers and protocols that no honest client sends."""
    kinds = [odd_form, odd_body, odd_path, odd_header, odd_bytes]
    for number in range(count):
        request, must_answer = kinds[number % len(kinds)](random, link)
        counts[exchange(url, request, must_answer)] += 1


def exchange(url: str, request: bytes, must_answer: bool) -> str:
    """Send bytes on a connection of their own; return the kind of answer."""
    host, port = url.removeprefix("http://").split(":")
    answer = b""
    try:
        connection = socket.create_connection((host, int(port)), timeout=SECONDS)
        with closing(connection), contextlib.suppress(ConnectionError):
            connection.sendall(request)
            if not must_answer:
                connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65536):
                answer += received
    except TimeoutError:
        return f"none: no end after {SECONDS} seconds"
    head, _, body = answer.partition(b"\r\n\r\n")
    parts = head.split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1."):
        return "none: closed without an answer" if must_answer else "closed"
    status, code = parts[1].decode("latin-1"), ""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        code = " " + json.loads(body)["error"]["code"]
    return status + code


def http(method: str, path: str, body: bytes = b"", *, headers: dict[str, str] | None = None) -> bytes:
    """Return a request that asks for the connection's end."""
    given = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(body)), **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def text_of(random: Random, link: str) -> str:
    """Return something that a careless service would open, run or break on."""
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
        name = random.choice(["image", "images", "k", "url", "image", "", "args", "__proto__", '"\r\n'])
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
    """Return a body of another kind: BentoML's JSON forms among them, and an image alone."""
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
    """Return a path that leads out of where it should, or nowhere."""
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
        path = link  # as to a proxy
    method = random.choice(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"])
    return http(str(method), path), True


def odd_header(random: Random, link: str) -> tuple[bytes, bool]:
    """Return a header that promises, asks or pretends something."""
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
        [("GET", "/"), ("GET", "/page/page.js"), ("POST", "/predict"), ("GET", "/model")]
    )
    return http(str(method), str(path), headers=chosen), True


def odd_bytes(random: Random, link: str) -> tuple[bytes, bool]:
    """Return what is hardly HTTP; some of it may be closed without a word."""
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


if __name__ == "__main__":
    main()
