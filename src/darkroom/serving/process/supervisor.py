"""The supervisor: it serves a Bento on a port, and replaces it without failing a request.

It holds the listening socket. To replace a Bento it starts the new one's server on the same socket, waits
until all its workers are ready, and only then tells the old server to stop, which first answers what it has
accepted. Meanwhile both accept new connections from one queue. If the new server does not become ready, the
old one continues.

No supervisor that was tried can do this; docs/production.md has the reasons.
"""

import os
import selectors
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from ..escaping import escape
from .bento_server import BentoServer, listen, start_server
from .control import ChangeRequest, ControlSocket, state_path, write_state

POLL_SECONDS = 0.1


class Supervisor:
    """Serves a Bento on a port, and changes it when `control.change_bento` in another process requests it."""

    def __init__(self, home: Path, *, host: str, port: int, workers: int) -> None:
        """Bind the port.

        Args:
            home: BentoML's home.
            host: address to listen on.
            port: to listen on.
            workers: that each Bento starts.

        Raises:
            OSError: the port is not available.
        """
        self.home, self.port, self.workers = home, port, workers
        self._listener = listen(host, port)
        self._folder = _socket_folder()
        self._control = ControlSocket(self._folder / "control")
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._control, selectors.EVENT_READ, self._accept_request)
        self._serving: BentoServer | None = None
        self._starting: BentoServer | None = None
        self._stopping: list[BentoServer] = []
        self._request: ChangeRequest | None = None
        self._stop = False

    def run(self, tag: str) -> int:
        """Serve `tag` until a signal arrives or the server ends by itself; return the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle_signal)
        try:
            self._start(tag)
            while not self._stop:
                self._poll()
                if self._serving is not None and not self._serving.is_running:
                    print(f"the server of {self._serving.tag} ended by itself", file=sys.stderr, flush=True)
                    return self._serving.process.returncode or 1
                if self._serving is None and self._starting is None:
                    return 1
            return 0
        finally:
            self._shut_down()

    def _handle_signal(self, _: int, __: FrameType | None) -> None:
        self._stop = True

    def _poll(self) -> None:
        """Handle what arrived on the sockets, then the state of the servers."""
        for key, _ in self._selector.select(POLL_SECONDS):
            key.data()
        self._stopping = [server for server in self._stopping if server.is_running]
        if self._starting is None:
            return
        if len(self._starting.ready_workers) >= self.workers:
            self._switch_to(self._starting)
        elif problem := self._starting.start_problem(self.workers):
            self._abandon(self._starting, problem)

    def _accept_request(self) -> None:
        request = self._control.accept()
        if request is None:
            return
        if self._starting is not None:
            request.respond({"error": f"{self._starting.tag} is starting; try again once it serves"})
            return
        self._request = request
        self._start(request.tag)

    def _start(self, tag: str) -> None:
        self._starting = server = start_server(tag, self._listener, self._folder)
        self._selector.register(server.notify, selectors.EVENT_READ, server.receive_status)

    def _switch_to(self, server: BentoServer) -> None:
        """Serve with a server that is ready; stop the one before."""
        old, self._serving = self._serving, server
        self._finish_start(server)
        before = old.tag if old else None
        try:
            write_state(self.home, self.port, control=self._control.path, tag=server.tag, before=before)
        except OSError as error:  # a full disk is no reason not to serve
            path = state_path(self.home, self.port)
            print(
                f"{path} cannot be written ({error.strerror}), so `darkroom deploy` does not find this "
                "service: start it again when that is repaired",
                file=sys.stderr,
                flush=True,
            )
        if old is not None:
            old.process.terminate()
            self._stopping.append(old)
        seconds = round(server.seconds, 1)
        print(f"{server.tag} serves; it was ready after {seconds} s", flush=True)
        self._respond({"tag": server.tag, "before": before, "seconds": seconds})

    def _abandon(self, server: BentoServer, problem: str) -> None:
        """Stop a server that did not become ready; continue with the old one."""
        self._finish_start(server)
        server.kill()
        message = f"{server.tag} does not serve: {problem}"
        if self._serving is not None:
            message += f"; {self._serving.tag} continues to serve"
        print(escape(message), file=sys.stderr, flush=True)
        self._respond({"error": message})

    def _finish_start(self, server: BentoServer) -> None:
        self._starting = None
        self._selector.unregister(server.notify)
        server.notify.close()

    def _respond(self, response: Mapping[str, Any]) -> None:
        if self._request is not None:
            self._request.respond(response)
            self._request = None

    def _shut_down(self) -> None:
        """Stop every server after its last response."""
        state_path(self.home, self.port).unlink(missing_ok=True)
        self._listener.socket.close()
        servers = [
            server for server in (*self._stopping, self._serving, self._starting) if server is not None
        ]
        for server in servers:
            if server.is_running:
                server.process.terminate()
        for server in servers:
            server.process.wait()
        self._respond({"error": "the service was stopped"})
        self._control.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _socket_folder() -> Path:
    """Create the folder of the sockets, which is its user's alone.

    It is in /tmp where TMPDIR is long: the address of a Unix socket has at most 107 bytes.
    """
    usual = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="darkroom-", dir=usual if len(os.fsencode(usual)) < 60 else "/tmp"))  # noqa: S108
