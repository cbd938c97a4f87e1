"""The feature rows of the most recent predictions of all workers, in a file that they share."""

import fcntl
import mmap
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ..shared_folder import take_space
from .drift_score import CHECK_EVERY, WINDOW

SLOTS = WINDOW + CHECK_EVERY  # so that the rows of the last check are there until the next one
_COUNT = struct.Struct("q")


class RecentPredictions:
    """A ring buffer of float32 rows, and how many rows were ever added.

    Workers take turns by a file lock. One that is killed while it writes leaves at most rows that the next
    ones replace: the count is written last.
    """

    def __init__(self, columns: int, file: Path | None) -> None:
        """Open the buffer of rows of `columns` numbers in `file`; with None it belongs to this process alone.

        Raises:
            OSError: the file cannot be opened or grown.
        """
        size = _COUNT.size + SLOTS * columns * 4
        self._lock = threading.Lock()
        if file is None:
            self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  as long as the process
        else:
            self._file = open(file, "a+b", buffering=0)  # noqa: SIM115
        with self._locked():
            take_space(self._file.fileno(), size)
        self._map = mmap.mmap(self._file.fileno(), size)
        values = np.frombuffer(self._map, np.float32, SLOTS * columns, _COUNT.size)
        self._rows = values.reshape(SLOTS, columns)

    def add(self, rows: NDArray[np.float32]) -> None:
        """Add rows `[N, columns]`, the newest last."""
        with self._locked():
            (count,) = _COUNT.unpack_from(self._map, 0)
            number = np.arange(count, count + len(rows))[-SLOTS:]
            self._rows[number % SLOTS] = rows[-SLOTS:]
            _COUNT.pack_into(self._map, 0, count + len(rows))

    def last_check(self) -> tuple[int, NDArray[np.float32]]:
        """Return how many rows there were at the last check, and the up to `WINDOW` newest of them.

        A check is due after every `CHECK_EVERY` rows.
        """
        with self._locked():
            (count,) = _COUNT.unpack_from(self._map, 0)
            checked = count // CHECK_EVERY * CHECK_EVERY
            return checked, self._rows[np.arange(max(0, checked - WINDOW), checked) % SLOTS].copy()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
