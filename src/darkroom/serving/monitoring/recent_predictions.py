"""The last images that all workers of a service answered, as rows of numbers in a file that they share."""

import fcntl
import mmap
import os
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .reference import EVERY, LEAST, WINDOW, Reference

SLOTS = WINDOW + EVERY  # so that a whole window ends at the last look, whatever came since
_COUNT = struct.Struct("q")


class RecentPredictions:
    """A ring of rows float32, and how many there ever were.

    Workers take turns. One that is killed while it writes leaves at most rows that the next ones replace:
    the count is written last.
    """

    def __init__(self, columns: int, file: Path | None) -> None:
        """Open the ring of rows with so many numbers; without a `file` this process has it alone."""
        size = _COUNT.size + SLOTS * columns * 4
        self._lock = threading.Lock()
        if file is None:
            self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  as long as the process
        else:
            self._file = open(file, "a+b", buffering=0)  # noqa: SIM115
        with self._turn():
            if os.fstat(self._file.fileno()).st_size < size:
                os.truncate(self._file.fileno(), size)
        self._map = mmap.mmap(self._file.fileno(), size)
        self._rows = np.frombuffer(self._map, np.float32, SLOTS * columns, _COUNT.size).reshape(
            SLOTS, columns
        )

    def add(self, rows: NDArray[np.float32]) -> None:
        """Add rows, the newest last."""
        with self._turn():
            (count,) = _COUNT.unpack_from(self._map, 0)
            number = np.arange(count, count + len(rows))[-SLOTS:]
            self._rows[number % SLOTS] = rows[-SLOTS:]
            _COUNT.pack_into(self._map, 0, count + len(rows))

    def last(self) -> tuple[int, NDArray[np.float32]]:
        """Return how many images there were at the last look, and the rows of the window that it saw."""
        with self._turn():
            (count,) = _COUNT.unpack_from(self._map, 0)
            seen = count // EVERY * EVERY
            return seen, self._rows[np.arange(max(0, seen - WINDOW), seen) % SLOTS].copy()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._lock:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)


class Drift(Collector):
    """The figures of a window beside a reference, computed when somebody asks, whichever worker that is."""

    def __init__(self, reference: Reference, window: RecentPredictions) -> None:
        """Compare `window` with `reference`."""
        self.reference, self.window = reference, window
        self._at, self._scores = -1, dict[str, float]()

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; the scores only from `LEAST` images on."""
        seen, rows = self.window.last()
        yield GaugeMetricFamily(
            "darkroom_drift_images", "Images in the window that drift is told of", value=len(rows)
        )
        if len(rows) < LEAST:
            return
        if seen != self._at:
            self._scores, self._at = self.reference.scores(rows), seen
        scores = self._scores
        yield GaugeMetricFamily(
            "darkroom_drift",
            "Drift of the last images from the reference, the largest score: 0 as usual, alarm from 1 on",
            value=max(scores.values()),
        )
        by_statistic = GaugeMetricFamily(
            "darkroom_drift_score", "Drift, by statistic: 0 as usual, alarm from 1 on", labels=["statistic"]
        )
        for name, score in scores.items():
            by_statistic.add_metric([name], score)
        yield by_statistic
