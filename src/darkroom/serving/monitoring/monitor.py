"""What happens to an answer after it was given: a thread looks at it for drift and writes it to the log."""

import atexit
import base64
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...images.resizing import to_png
from ...images.statistics import STATISTICS, measure
from ..metrics import LOG_DROPPED, LOGGED
from ..prediction.engine import Classified, File
from ..prediction.model import Classifier
from ..prediction.runtime import Prediction
from .prediction_log import PredictionLog
from .recent_predictions import Drift

GATHER_SECONDS = 0.25  # what comes within is worked on together; a kill loses as much
HELD_BYTES = 16_000_000  # of images that wait; beyond, answers are left out
SAY_SECONDS = 60.0  # between two complaints of the same kind

log = logging.getLogger("darkroom")


@dataclass(frozen=True)
class Seen:
    """The images of one request, uint8 `[N,H,W,C]`, with what was answered."""

    time: float
    route: str
    pixels: NDArray[np.uint8]
    answer: Prediction
    files: Sequence[File]


class Monitor:
    """A thread that looks at what was answered. It never holds a request up, and never fails one."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        store: PredictionLog | None = None,
        keep_images: bool = False,
        drift: Drift | None = None,
    ) -> None:
        """Start the thread.

        Args:
            classifier: what answers.
            store: where the lines go, if anywhere.
            keep_images: whether a line holds the image, as the model sees it.
            drift: whose window gets a row an image, if any.
        """
        self._classifier, self._store, self._keep_images = classifier, store, keep_images
        self.drift = drift
        self._waiting: deque[Seen] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._some, self._stop = threading.Event(), threading.Event()
        self._said: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def offer(self, route: str, done: Classified) -> None:
        """Take what was answered; where too much waits already, leave it out and count that."""
        size = done.pixels.nbytes
        with self._lock:
            room = self._bytes + size <= HELD_BYTES
            if room:
                self._bytes += size
        if not room:
            LOG_DROPPED.labels("busy").inc(len(done.pixels))
            return
        answer = done.prediction._replace(heat=None)  # the largest part, which nobody looks at
        self._waiting.append(Seen(time.time(), route, done.pixels, answer, done.files))
        self._some.set()

    def close(self) -> None:
        """Write what waits, and end."""
        atexit.unregister(self.close)
        self._stop.set()
        self._some.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set() or self._waiting:
            self._some.wait()
            self._stop.wait(GATHER_SECONDS)
            self._some.clear()
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if batch:
                self._work(batch)

    def _work(self, batch: list[Seen]) -> None:
        count = sum(len(seen.pixels) for seen in batch)
        try:
            self._look(batch)
        except OSError as error:
            self._drop("disk", count, f"The prediction log cannot be written ({error.strerror})")
        except Exception as error:  # of this thread there is one; answers go on
            self._drop("error", count, f"Answers could not be looked at ({error!r})")
        finally:
            with self._lock:
                self._bytes -= sum(seen.pixels.nbytes for seen in batch)

    def _drop(self, reason: str, count: int, said: str) -> None:
        LOG_DROPPED.labels(reason).inc(count)
        now = time.monotonic()
        if now - self._said.get(reason, -SAY_SECONDS) >= SAY_SECONDS:
            self._said[reason] = now
            log.warning(
                "%s: %s left out. The service goes on; darkroom_log_dropped_total counts them.",
                said,
                "a line" if count == 1 else f"{count} lines",
            )

    def _look(self, batch: list[Seen]) -> None:
        answer = Prediction.joined([seen.answer for seen in batch])
        measured = measure(np.concatenate([seen.pixels for seen in batch]))
        rows = None
        if self.drift is not None:
            rows = self.drift.reference.rows(measured, answer)
            self.drift.window.add(rows)
        if self._store is None:
            return
        lines: list[bytes] = []
        for seen in batch:
            for number in range(len(seen.pixels)):
                row = None if rows is None else rows[len(lines)]
                lines.append(self._line(seen, number, measured[len(lines)], row))
        self._store.append(lines)
        LOGGED.inc(len(lines))

    def _line(
        self, seen: Seen, number: int, measured: NDArray[np.float32], row: NDArray[np.float32] | None
    ) -> bytes:
        classifier = self._classifier
        probabilities = seen.answer.probabilities[number]
        best = int(probabilities.argmax())
        probability = float(probabilities[best])
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(seen.time, UTC).isoformat(timespec="milliseconds"),
            "route": seen.route,
            "model": {"name": classifier.name, "version": classifier.version},
            "class": classifier.classes[best],
            "probability": round(probability, 7),  # most are near 1: fewer digits would make them equal
            "confident": classifier.is_confident(probability),
            "image": dict(zip(STATISTICS, _rounded(measured), strict=True)),
            "upload": seen.files[number]._asdict(),
        }
        if self.drift is not None and row is not None:
            entry["embedding"] = self.drift.reference.summary(row)
        if self._keep_images:
            entry["png"] = base64.b64encode(to_png(seen.pixels[number])).decode()
        return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _rounded(values: NDArray[np.float32]) -> list[float]:
    return [round(float(value), 5) for value in values]
