"""Waiting for something to happen, never for a time to pass."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import requests


class Process(Protocol):
    """What can be asked whether it has ended: subprocess's or psutil's."""

    def poll(self) -> int | None:
        """Return the exit status; None while it runs."""


def eventually(
    condition: Callable[[], Any],
    what: str | Callable[[], str],
    *,
    seconds: float = 90,
    process: Process | None = None,
) -> None:
    """Return when `condition()` holds; fail, telling `what`, after `seconds`, or when `process` ended."""
    deadline = time.monotonic() + seconds
    while not condition():
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            told = what if isinstance(what, str) else what()
            why = "the process ended before" if ended else f"not within {seconds} seconds"
            raise AssertionError(f"{why}: {told}")
        time.sleep(0.02)


def answers(url: str) -> bool:
    """Tell whether a GET is answered by 200."""
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False
