"""Locks: how the workers of one machine see at once that another has died.

Each worker holds a lock on a file of its own in a folder they share. The system releases the lock when the
process ends, however it ends.
"""

import fcntl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def worker_lock(folder: Path) -> Iterator[str]:
    """Hold a new lock in `folder` while the block runs, and yield its name."""
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    with open(folder / name, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield name


def dead_workers(folder: Path) -> set[str]:
    """Return the names of the locks in `folder` that no living process holds."""
    return {path.name for path in folder.glob("*") if not _is_held(path)}


def _is_held(lock: Path) -> bool:
    try:
        with open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
