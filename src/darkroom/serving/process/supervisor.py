"""One port, one Bento after another: the supervisor holds the listening socket while the Bentos change.

It starts a Bento's server on its socket, waits until all workers are ready, and only then tells the server
of the Bento before to end, which answers what it has accepted. Meanwhile both take new connections from the
one queue, so no request fails. Where the new one does not come up, the old one stays.
"""

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from ...files import read_json, write_json

READY_SECONDS = 120  # that a Bento's workers may take until all are ready
TICK_SECONDS = 0.1


class SupervisorError(RuntimeError):
    """The supervisor cannot do what it is asked; the message says why and what to do."""


@dataclass
class Generation:
    """A Bento's server.

    Attributes:
        tag: of the Bento.
        process: BentoML's, which starts the workers.
        notify: where these say whether they are ready.
        started: by the monotonic clock.
        workers: that are ready.
        failure: why one is not; empty where none said so.
    """

    tag: str
    process: subprocess.Popen[bytes]
    notify: socket.socket
    started: float = field(default_factory=time.monotonic)
    workers: set[str] = field(default_factory=set)
    failure: str = ""

    def hear(self) -> None:
        """Take in what the workers say."""
        message = self.notify.recv(4096).decode(errors="replace")
        lines = dict(line.partition("=")[::2] for line in message.splitlines())
        if lines.get("READY") == "1":
            self.workers.add(lines.get("X_WORKER", ""))
        elif "ERRNO" in lines:
            self.failure = lines.get("STATUS", "a worker failed, its output says why")


class Supervisor:
    """Serves a Bento on a port, and changes it when asked.

    `ask` in another process talks to it: its address is in `<home>/serving/<port>.json`.
    """

    def __init__(self, home: Path, *, host: str, port: int, workers: int) -> None:
        """Bind the port.

        Args:
            home: BentoML's home.
            host: address to listen on.
            port: to listen on.
            workers: that each Bento starts.

        Raises:
            OSError: the port cannot be had.
        """
        self.home, self.host, self.port, self.workers = home, host, port, workers
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self._socket.listen(2048)
        self._socket.setblocking(False)
        self._folder = Path(tempfile.mkdtemp(prefix="darkroom-"))  # addresses of sockets must be short
        self._control = socket.socket(socket.AF_UNIX)
        self._control.bind(str(self._folder / "control"))  # the folder is its user's alone
        self._control.listen()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._control, selectors.EVENT_READ, self._asked)
        self._serving: Generation | None = None
        self._coming: Generation | None = None
        self._asker: socket.socket | None = None
        self._ending: list[Generation] = []
        self._stop = False
        self._state = home / "serving" / f"{port}.json"

    def run(self, tag: str) -> int:
        """Serve `tag` until a signal comes or the server ends by itself; return the exit status."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._told_to_stop)
        try:
            self._coming = self._start(tag)
            while not self._stop:
                self._turn()
                if self._serving is not None and self._serving.process.poll() is not None:
                    print(f"{self._serving.tag}: its server ended by itself", file=sys.stderr, flush=True)
                    return self._serving.process.returncode or 1
                if self._serving is None and self._coming is None:
                    return 1
            return 0
        finally:
            self._end()

    def _told_to_stop(self, _: int, __: FrameType | None) -> None:
        self._stop = True

    def _turn(self) -> None:
        """Hear who speaks, and look after the servers."""
        for key, _ in self._selector.select(TICK_SECONDS):
            key.data()
        self._ending = [one for one in self._ending if one.process.poll() is None]
        coming = self._coming
        if coming is None:
            return
        took = time.monotonic() - coming.started
        if len(coming.workers) >= self.workers:
            self._change(coming, took)
        elif coming.failure:
            self._give_up(coming, coming.failure)
        elif coming.process.poll() is not None:
            self._give_up(coming, f"its server ended with {coming.process.returncode}, its output says why")
        elif took > READY_SECONDS:
            self._give_up(
                coming,
                f"{len(coming.workers)} of {self.workers} workers were ready after {READY_SECONDS} seconds. "
                "A Bento built before there was a supervisor says nothing: build it again",
            )

    def _start(self, tag: str) -> Generation:
        """Start a Bento's server on our socket."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = self._folder / f"notify-{time.monotonic_ns()}"
        notify.bind(str(address))
        fd = self._socket.fileno()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "darkroom.serving.process.inherited_socket"),
                *(str(fd), tag, self.host, str(self.port)),
            ],
            env={**os.environ, "NOTIFY_SOCKET": str(address)},
            pass_fds=(fd,),
            start_new_session=True,  # Ctrl+C is for the supervisor, which ends them in order
        )
        generation = Generation(tag, process, notify)
        self._selector.register(notify, selectors.EVENT_READ, generation.hear)
        return generation

    def _change(self, coming: Generation, took: float) -> None:
        before, self._serving, self._coming = self._serving, coming, None
        self._forget(coming)
        write_json(
            self._state,
            {
                "pid": os.getpid(),
                "control": str(self._folder / "control"),
                "tag": coming.tag,
                "before": before.tag if before else None,
            },
        )
        if before is not None:
            before.process.terminate()
            self._ending.append(before)
        print(f"{coming.tag} serves, ready after {took:.1f} s", flush=True)
        self._answer({"tag": coming.tag, "before": before.tag if before else None, "seconds": round(took, 1)})

    def _give_up(self, coming: Generation, why: str) -> None:
        self._coming = None
        self._forget(coming)
        _kill(coming.process)
        stays = f"; {self._serving.tag} goes on" if self._serving else ""
        print(f"{coming.tag} does not serve: {why}{stays}", file=sys.stderr, flush=True)
        self._answer({"error": f"{coming.tag} does not serve: {why}{stays}"})

    def _forget(self, generation: Generation) -> None:
        self._selector.unregister(generation.notify)
        generation.notify.close()

    def _asked(self) -> None:
        """Take a tag from somebody, and begin the change."""
        asker, _ = self._control.accept()
        asker.settimeout(5)
        try:
            tag = json.loads(asker.recv(4096))["tag"]
        except (OSError, ValueError, KeyError, TypeError):
            asker.close()
            return
        if self._coming is not None:
            _send(asker, {"error": f"{self._coming.tag} is being started; ask again when it serves"})
            return
        self._asker = asker
        self._coming = self._start(tag)

    def _answer(self, answer: Mapping[str, Any]) -> None:
        if self._asker is not None:
            _send(self._asker, answer)
            self._asker = None

    def _end(self) -> None:
        """End every server, in order."""
        self._state.unlink(missing_ok=True)
        self._socket.close()
        running = [one for one in (*self._ending, self._serving, self._coming) if one is not None]
        for one in running:
            if one.process.poll() is None:
                one.process.terminate()
        for one in running:
            one.process.wait()
        self._answer({"error": "the service was stopped"})
        shutil.rmtree(self._folder, ignore_errors=True)


def _send(asker: socket.socket, answer: Mapping[str, Any]) -> None:
    try:
        asker.sendall(json.dumps(answer).encode())
    except OSError:  # it did not wait
        pass
    finally:
        asker.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a server that did not come up, with all its workers."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def served(home: Path, port: int) -> dict[str, Any]:
    """Return what is served on a port: `tag`, `before`, `pid`, `control`.

    Raises SupervisorError where nothing is.
    """
    path = home / "serving" / f"{port}.json"
    try:
        state: dict[str, Any] = read_json(path)
        os.kill(state["pid"], 0)
    except (OSError, ValueError) as error:
        raise SupervisorError(
            f"no service that can change its Bento runs on port {port} ({path}): start it with `make serve`"
        ) from error
    return state


def ask(home: Path, port: int, tag: str) -> dict[str, Any]:
    """Have the service on `port` change to the Bento `tag`; return when it serves and the old one ends.

    Returns:
        `tag`, `before` (the tag that was served) and `seconds` until it was ready.

    Raises:
        SupervisorError: there is no service, or it does not change; it serves on then as it did.
    """
    state = served(home, port)
    with socket.socket(socket.AF_UNIX) as supervisor:
        supervisor.settimeout(READY_SECONDS + 30)
        try:
            supervisor.connect(state["control"])
            supervisor.sendall(json.dumps({"tag": tag}).encode())
            answer = json.loads(supervisor.recv(4096))
        except (OSError, ValueError) as error:
            raise SupervisorError(f"the service on port {port} does not answer ({error})") from error
    if "error" in answer:
        raise SupervisorError(answer["error"])
    return dict(answer)
