"""What the tests of downloads share: an HTTP server that can break off and lie, and archives."""

import hashlib
import io
import random
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from darkroom.data.download.checksums import Checksum
from darkroom.data.download.fetching import Fetched, fetch
from darkroom.data.download.mirrors import Mirror
from darkroom.data.download.transfer import TransferSettings

BODY = random.Random(0).randbytes(100_000)
OTHER = random.Random(1).randbytes(100_000)
HALF = len(BODY) // 2

Response = Callable[["Handler"], None]


def md5(content: bytes) -> Checksum:
    return Checksum("md5", hashlib.md5(content, usedforsecurity=False).hexdigest())


class Server(ThreadingHTTPServer):
    """Sends the next of its `responses` to each request, the last one from then on; records the headers."""

    responses: list[Response]
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
        responses = self.server.responses
        (responses.pop(0) if len(responses) > 1 else responses[0])(self)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name in the standard library
        pass


@contextmanager
def download_server() -> Iterator[Server]:
    """Run a server on a free port of this machine."""
    server = Server(("127.0.0.1", 0), Handler)
    server.responses, server.requests = [serve(BODY)], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def respond(status: int, content: bytes = b"", **headers: str | int) -> Response:
    """Send exactly this; with a Content-Length beyond `content` the transfer breaks off."""

    def send(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in ({"Content_Length": len(content)} | headers).items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        handler.wfile.write(content)

    return send


def serve(content: bytes, *, etag: str = '"one"', until: int | None = None) -> Response:
    """Serve as a correct server does, Range and If-Range included; break off before byte `until`."""

    def send(handler: Handler) -> None:
        start, requested = 0, handler.headers.get("Range")
        if requested and handler.headers.get("If-Range") in (None, etag):
            start = int(requested.removeprefix("bytes=").removesuffix("-"))
        if start and start >= len(content):
            respond(416, Content_Range=f"bytes */{len(content)}", ETag=etag)(handler)
            return
        rest = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        length = len(content) - start
        respond(206 if start else 200, content[start:until], Content_Length=length, ETag=etag, **rest)(
            handler
        )

    return send


def closed_port() -> str:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{holder.getsockname()[1]}/images.tar.gz"


def get(place: Path, *mirrors: Mirror, retries: int = 3, advice: str = "") -> Fetched:
    settings = TransferSettings(retries=retries, backoff_s=0)
    return fetch(mirrors, place / "images.tar.gz", settings=settings, advice=advice)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pack(path: Path, files: dict[str, bytes], *extra: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in extra:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return path
