"""Workers as processes of this machine: started, watched, replaced where they were killed, stopped."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

LOOK = 0.5  # seconds between two looks at the workers
STOP_SECONDS = 10.0  # until a worker that was asked to stop is killed
DEATHS = 10  # of workers in a row, without anything done, after which no more are started
TOLD = 4000  # characters of a failed worker's last words


class WorkerError(RuntimeError):
    """A worker ended by an error that another worker would end by too; the message has its last words."""


class Worker(Protocol):
    """A worker that was started."""

    def ended(self) -> str | None:
        """Return None while it runs, "" when it is done, else what killed it; raises WorkerError."""
        ...

    def stop(self) -> None:
        """Stop it, whatever it does."""
        ...


def watch(start: Callable[[int], Worker], count: int, *, progress: Callable[[], int]) -> None:
    """Run `count` workers, numbered from 0, until each says that it is done.

    One that was killed is replaced. `progress` is called again and again and returns how much is done.
    Whatever ends the watch stops the workers. Raises WorkerError where one ends by an error, or they are
    killed time after time.
    """
    workers: dict[int, Worker] = {}
    deaths, done = 0, progress()
    try:
        for number in range(count):
            workers[number] = start(number)
        while workers:
            time.sleep(LOOK)
            for number, worker in list(workers.items()):
                killed = worker.ended()
                if killed is None:
                    continue
                del workers[number]
                if killed:
                    deaths += 1
                    if deaths >= DEATHS:
                        raise WorkerError(
                            f"{deaths} workers were killed one after the other, the last by {killed}, and "
                            "nothing was done: is there enough memory for so many?"
                        )
                    workers[number] = start(number)
            if (now := progress()) != done:
                deaths, done = 0, now
    finally:
        for worker in workers.values():
            worker.stop()


class Process:
    """A worker that is a process of this machine. It ends when the process that started it does."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, log: Path, environment: Mapping[str, str]
    ) -> None:
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "wb") as words:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | dict(environment),
                stdin=subprocess.PIPE,  # see end_with_parent
                stdout=words,
                stderr=subprocess.STDOUT,
            )

    def ended(self) -> str | None:
        """Return None while it runs, "" when it is done, else the signal; raises WorkerError."""
        code = self._process.poll()
        if code is None or code == 0:
            return code if code is None else ""
        if code < 0:
            return f"signal {-code}"
        words = self._log.read_text(errors="replace").strip()[-TOLD:]
        raise WorkerError(f"a worker ended with {code}:\n{words}")

    def stop(self) -> None:
        """End it; after `STOP_SECONDS` by force."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def end_with_parent() -> None:
    """End this process when the one that started it as `Process` has ended, were it killed."""

    def wait() -> None:
        # until the parent's end of the pipe is closed; sys.stdin has a lock that Python wants when it ends
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def graphics_card(number: int, cards: int) -> dict[str, str]:
    """Return the environment that gives worker `number` one of several graphics cards of its own."""
    if cards < 2:
        return {}
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = seen if len(seen) == cards else [str(card) for card in range(cards)]
    return {"CUDA_VISIBLE_DEVICES": names[number % cards]}
