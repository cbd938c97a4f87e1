"""A web server of a folder on this machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Site(ThreadingHTTPServer):
    """A web server of a folder, which records what was asked, and may fail for some paths."""

    asked: list[str]
    failing: dict[str, int]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(SimpleHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        for part, status in self.server.failing.items():
            if part in self.path:
                self.send_error(status)
                return
        super().do_GET()

    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.send_header("ETag", f'"{path.stat().st_mtime_ns:x}"')
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name in the standard library
        pass


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Serve a folder on a free port of this machine."""
    server = Site(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.asked, server.failing = [], {}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:  # else the thread would keep the process of a failed test alive
        server.shutdown()
        thread.join()
        server.server_close()
