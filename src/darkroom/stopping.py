"""Stopping on a signal: SIGTERM (a scheduler, `docker stop`), SIGINT (Ctrl-C) and SIGHUP (a closed terminal).

The first signal raises `Stopped` where the main thread is, so that files written aside are removed and runs
are ended; within `deferred` it only sets a mark, until the code there is at a point where it can stop. A
second one ends the process at once. Signals are the process's, so the state here is too.
"""

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))
# One stop may arrive twice: from a terminal or scheduler that sends it to every process, and from the parent.
SAME_SECONDS = 1.0
POLL_SECONDS = 0.2


class Stopped(BaseException):
    """A signal asked this process to stop; no error, so `except Exception` lets it pass.

    Attributes:
        signal: which one.
        done: how far the work was, as `after epoch 7 of 20`; empty where nothing of it is kept.
        told: whether another process has told it already.
    """

    def __init__(self, number: signal.Signals, done: str = "", *, told: bool = False) -> None:
        super().__init__(f"stopped by {number.name}{done and f' {done}'}")
        self.signal, self.done, self.told = number, done, told


class _State:
    """What is known about signals in this process."""

    active = False  # whether a block of `handled` is open
    requested: signal.Signals | None = None
    at = 0.0  # of the first signal, by the monotonic clock
    deferred = 0  # how many blocks of `deferred` are open
    parent_decides = False
    groups: set[int] = set()  # noqa: RUF012  of the processes that run_command started


@contextmanager
def handled() -> Iterator[None]:
    """Let signals stop the block by `Stopped`. A signal that is ignored stays so, as SIGHUP under nohup.

    To be called in the main thread.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _State.active, _State.requested, _State.deferred, _State.parent_decides = True, None, 0, False
    handle_again()
    try:
        yield
    finally:
        _State.active, _State.requested = False, None
        for number, handler in before.items():
            signal.signal(number, handler)


def handle_again() -> None:
    """Set the handlers of `handled` again, after a library has set its own."""
    for number in SIGNALS:
        if _State.active and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def leave_end_to_parent() -> None:
    """Do not end at once on a second signal: the parent, which sends them too, decides when to kill."""
    _State.parent_decides = True


@contextmanager
def deferred() -> Iterator[None]:
    """Only note a signal during the block, which calls `stop_if_requested` where it can; its end does."""
    _State.deferred += 1
    try:
        yield
    finally:
        _State.deferred -= 1
    if not _State.deferred:
        stop_if_requested()


def requested() -> bool:
    """Return whether a signal asked this process to stop."""
    return _State.requested is not None


def stop_if_requested(done: str = "") -> None:
    """Raise `Stopped` if a signal asked this process to stop; `done` says how far the work is."""
    if _State.requested is not None:
        raise Stopped(_State.requested, done)


def stop(done: str = "") -> NoReturn:
    """Raise `Stopped`, also where the signal reached only another process that shares the work."""
    raise Stopped(_State.requested or signal.SIGTERM, done)


def end_by(number: signal.Signals) -> NoReturn:
    """End this process by a signal, so that its parent sees which one; what was printed is not lost."""
    atexit._run_exitfuncs()  # which the signal would skip
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # where the signal is blocked


def stop_with_parent() -> None:
    """Send this process SIGTERM when the process that started it has ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        if not requested():  # else the signal that ended the parent has come here too: it is no second one
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def run_command(command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> int:
    """Run a command to its end and return its exit code, negative for a signal.

    A first signal is passed on as SIGINT to the command and all its processes, and `Stopped` is raised when
    the command has ended; a second one kills them. To be called within `handled`.
    """
    with deferred():
        process = subprocess.Popen(command, cwd=folder, env=dict(environment), start_new_session=True)
        _State.groups.add(process.pid)
        passed_on = False
        try:
            while process.poll() is None:
                time.sleep(POLL_SECONDS)
                if requested() and not passed_on:
                    os.killpg(process.pid, signal.SIGINT)
                    passed_on = True
        finally:
            _State.groups.discard(process.pid)
            if process.poll() is None:  # an error here, or KeyboardInterrupt without `handled`
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
        stop_if_requested()
        return process.returncode


def _handle(number: int, _: FrameType | None) -> None:
    now = time.monotonic()
    if _State.requested is None:
        _State.requested, _State.at = signal.Signals(number), now
        if not _State.deferred:
            raise Stopped(_State.requested)
        # not print: it may have been interrupted itself
        os.write(2, f"\n{_State.requested.name}: this step is finished; again to end at once\n".encode())
    elif now - _State.at > SAME_SECONDS and not _State.parent_decides:
        for group in _State.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
