"""Supervision of workers: they are started, replaced if they are killed, and stopped."""

import time
from collections.abc import Callable
from typing import Protocol

from darkroom.machine import memory

POLL_SECONDS = 0.5  # between two checks of the workers
MAX_DEATHS = 10  # of workers in a row, without progress, after which no more are started


class WorkerError(RuntimeError):
    """A worker ended with an error that would end another one too; the message has its last output."""


class Worker(Protocol):
    """A worker that was started."""

    def ended(self) -> str | None:
        """Return None while it runs, "" when it is done, else what killed it.

        Raises WorkerError if it ended with an error.
        """
        ...

    def request_stop(self) -> None:
        """Ask it to stop after the step that it is at."""
        ...

    def stop(self) -> None:
        """Wait until it has stopped; after a time stop it, whatever it does."""
        ...


def supervise(start: Callable[[int], Worker], count: int, *, progress: Callable[[], int]) -> None:
    """Run `count` workers, numbered from 0, until each is done.

    A worker that was killed is replaced. `progress` is called regularly and returns how much is done. All
    workers are stopped however this function ends. Raises WorkerError if one ends with an error, or if
    `MAX_DEATHS` are killed in a row without progress.
    """
    workers: dict[int, Worker] = {}
    deaths, done = 0, progress()
    try:
        for number in range(count):
            workers[number] = start(number)
        while workers:
            time.sleep(POLL_SECONDS)
            for number, worker in list(workers.items()):
                killed = worker.ended()
                if killed is None:
                    continue
                del workers[number]
                if killed:
                    deaths += 1
                    if deaths >= MAX_DEATHS:
                        raise WorkerError(
                            f"{deaths} workers were killed one after the other, the last by {killed}, and "
                            f"nothing was done: is there enough memory for so many? Here are {memory()}"
                        )
                    workers[number] = start(number)
            if (now := progress()) != done:
                deaths, done = 0, now
    finally:
        for worker in workers.values():  # all at once, so that they save at the same time
            worker.request_stop()
        for worker in workers.values():
            worker.stop()
