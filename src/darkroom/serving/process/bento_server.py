"""The server of one Bento: `bentoml serve` as a child process of the supervisor, and how far it is."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from .control import READY_SECONDS

STOP_SECONDS = 10  # that a server which failed to start gets to stop by itself


@dataclass(frozen=True)
class Listener:
    """The socket that all servers accept connections from, and the address that it is bound to."""

    socket: socket.socket
    host: str
    port: int


def listen(host: str, port: int) -> Listener:
    """Return a listening socket.

    Raises:
        OSError: the address is not available.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(2048)
    listening.setblocking(False)
    return Listener(listening, host, port)


@dataclass
class BentoServer:
    """A running server.

    Attributes:
        tag: of the Bento.
        process: of BentoML, which starts the workers.
        notify: socket on which the workers report that they are ready, or why not.
        started: by the monotonic clock.
        ready_workers: process ids of the workers that are ready.
        failure: what a worker reported; empty if none failed.
    """

    tag: str
    process: subprocess.Popen[bytes]
    notify: socket.socket
    started: float = field(default_factory=time.monotonic)
    ready_workers: set[str] = field(default_factory=set)
    failure: str = ""

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    def receive_status(self) -> None:
        """Read a datagram that a worker sent, as `notify.py` describes."""
        message = self.notify.recv(4096).decode(errors="replace")
        fields = dict(line.partition("=")[::2] for line in message.splitlines())
        if fields.get("READY") == "1":
            self.ready_workers.add(fields.get("X_WORKER", ""))
        elif "ERRNO" in fields:
            self.failure = fields.get("STATUS", "a worker failed; its output shows why")

    def start_problem(self, workers: int) -> str:
        """Return why the server with so many workers will not become ready; empty if it still may."""
        if self.failure:
            return self.failure
        if not self.is_running:
            return f"its server ended with {self.process.returncode}; its output shows why"
        if self.seconds > READY_SECONDS:
            return (
                f"{len(self.ready_workers)} of {workers} workers were ready after {READY_SECONDS} seconds. "
                "Workers of a Bento built before there was a supervisor report nothing: build it again"
            )
        return ""

    def kill(self) -> None:
        """Stop a server that failed to start, with all its workers."""
        if self.is_running:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def start_server(tag: str, listener: Listener, folder: Path) -> BentoServer:
    """Start the server of the Bento `tag` on the listener.

    Args:
        tag: of the Bento.
        listener: that the server accepts connections from.
        folder: for the socket on which the workers report; its path must be short.
    """
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    address = folder / f"notify-{time.monotonic_ns()}"
    notify.bind(str(address))
    fd = listener.socket.fileno()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "darkroom.serving.process.inherited_socket"),
            *(str(fd), tag, listener.host, str(listener.port)),
        ],
        env={**os.environ, "NOTIFY_SOCKET": str(address)},
        pass_fds=(fd,),
        start_new_session=True,  # Ctrl+C goes to the supervisor, which stops the servers in order
    )
    return BentoServer(tag, process, notify)
