"""The monitor: a thread that checks predictions for drift and logs them after the client has its response."""

import atexit
import logging
import threading
import time
from collections import deque

import numpy as np

from ...images.statistics import measure
from ..metrics import LOG_DROPPED, LOGGED
from ..prediction.engine import Classified
from ..prediction.model import Classifier
from ..prediction.runtime import Prediction
from .drift_collector import DriftCollector
from .log_line import ServedRequest, log_line
from .prediction_log import PredictionLog

GATHER_SECONDS = 0.25  # requests within are processed together; a killed process loses as much
MAX_QUEUED_BYTES = 16_000_000  # of pixels; requests beyond are left out
WARNING_INTERVAL_SECONDS = 60.0  # between two warnings for the same reason

log = logging.getLogger("darkroom")


class Monitor:
    """A thread that processes predictions. It never delays a request, and never fails one."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        store: PredictionLog | None = None,
        keep_images: bool = False,
        drift: DriftCollector | None = None,
    ) -> None:
        """Start the thread.

        Args:
            classifier: that predicts.
            store: where each image's line is written, if anywhere.
            keep_images: whether a line holds the image, as the model sees it.
            drift: whose recent predictions get a row for each image, if any.
        """
        self._classifier, self._store, self._keep_images = classifier, store, keep_images
        self.drift = drift
        self._queue: deque[ServedRequest] = deque()
        self._queued_bytes = 0
        self._lock = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._last_warning: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def offer(self, route: str, done: Classified) -> None:
        """Queue a request's predictions; where too much is queued already, leave them out and count that."""
        size = done.pixels.nbytes
        with self._lock:
            room = self._queued_bytes + size <= MAX_QUEUED_BYTES
            if room:
                self._queued_bytes += size
        if not room:
            LOG_DROPPED.labels("busy").inc(len(done.pixels))
            return
        prediction = done.prediction._replace(heat=None)  # the largest part, which is not used here
        self._queue.append(ServedRequest(time.time(), route, done.pixels, prediction, done.files))
        self._wake.set()

    def close(self) -> None:
        """Process what is queued, and end the thread."""
        atexit.unregister(self.close)
        self._stop.set()
        self._wake.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set() or self._queue:
            self._wake.wait()
            self._stop.wait(GATHER_SECONDS)
            self._wake.clear()
            batch = [self._queue.popleft() for _ in range(len(self._queue))]
            if batch:
                self._process_safely(batch)

    def _process_safely(self, batch: list[ServedRequest]) -> None:
        """Process a batch; count it as dropped if that fails."""
        count = sum(len(request.pixels) for request in batch)
        try:
            self._process(batch)
        except OSError as error:
            self._drop("disk", count, f"The prediction log cannot be written ({error.strerror})")
        except Exception as error:  # there is no other thread to take over; predictions go on
            self._drop("error", count, f"Predictions could not be monitored ({error!r})")
        finally:
            with self._lock:
                self._queued_bytes -= sum(request.pixels.nbytes for request in batch)

    def _drop(self, reason: str, count: int, problem: str) -> None:
        LOG_DROPPED.labels(reason).inc(count)
        now = time.monotonic()
        if now - self._last_warning.get(reason, -WARNING_INTERVAL_SECONDS) >= WARNING_INTERVAL_SECONDS:
            self._last_warning[reason] = now
            log.warning(
                "%s: %s left out. The service goes on; darkroom_log_dropped_total counts them.",
                problem,
                "a line" if count == 1 else f"{count} lines",
            )

    def _process(self, batch: list[ServedRequest]) -> None:
        """Add a batch to the recent predictions and to the log."""
        prediction = Prediction.joined([request.prediction for request in batch])
        statistics = measure(np.concatenate([request.pixels for request in batch]))
        embeddings = None
        if self.drift is not None:
            reference = self.drift.reference
            rows = reference.rows(statistics, prediction)
            self.drift.recent.add(rows)
            embeddings = [reference.log_fields(row) for row in rows] if self._store is not None else None
        if self._store is None:
            return
        images = [(request, number) for request in batch for number in range(len(request.pixels))]
        lines = [
            log_line(
                self._classifier,
                request,
                number,
                statistics=statistics[place],
                embedding=None if embeddings is None else embeddings[place],
                keep_image=self._keep_images,
            )
            for place, (request, number) in enumerate(images)
        ]
        self._store.append(lines)
        LOGGED.inc(len(lines))
