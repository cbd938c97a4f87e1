"""Dynamic batching: images of several requests that arrive while the model is busy are predicted together."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ..metrics import BATCH_IMAGES, MODEL_SECONDS
from .model import Classifier
from .runtime import BATCHES, Prediction

INITIAL_SECONDS = 0.005  # per image, until some were measured
SMOOTHING = 0.1  # weight of the newest measurement in a moving average


@dataclass
class _Waiting:
    images: NDArray[np.uint8]
    done: asyncio.Future[Prediction]


class Batcher:
    """One thread that predicts, and the queue of requests that wait for it.

    A request that finds the thread idle is predicted at once, alone: batching adds no delay. Requests that
    arrive while the thread works are predicted together next. All calls come from one event loop.

    Attributes:
        seconds_per_image: that the model takes, as a moving average.
    """

    def __init__(self, classifier: Classifier) -> None:
        """Start the thread with an empty queue."""
        self.classifier = classifier
        self.seconds_per_image = INITIAL_SECONDS
        self._waiting: deque[_Waiting] = deque()
        self._running = False
        self._thread = ThreadPoolExecutor(1, "predict")

    async def explain(self, images: NDArray[np.uint8]) -> Prediction:
        """Return the model's prediction for uint8 `[N,H,W,C]` images."""
        done: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(images, done))
        self._start()
        return await done

    def _start(self) -> None:
        # requests whose client disconnected are not predicted
        while self._waiting and self._waiting[0].done.done():
            self._waiting.popleft()
        if self._running or not self._waiting:
            return
        batch = self._next()
        self._running = True
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._predict, batch)
        work.add_done_callback(lambda work: self._finished(batch, work))

    def _next(self) -> list[_Waiting]:
        """Take as many requests from the front as fill one batch of a size in `BATCHES`."""
        total = sum(len(item.images) for item in self._waiting)
        target = next(size for size in BATCHES if size <= total)
        batch = [self._waiting.popleft()]
        count = len(batch[0].images)
        while self._waiting and count + len(self._waiting[0].images) <= target:
            item = self._waiting.popleft()
            if not item.done.done():
                batch.append(item)
                count += len(item.images)
        return batch

    def _predict(self, batch: list[_Waiting]) -> tuple[Prediction, float]:
        start = perf_counter()
        images = batch[0].images if len(batch) == 1 else np.concatenate([b.images for b in batch])
        prediction = self.classifier.explain(images)
        seconds = perf_counter() - start
        BATCH_IMAGES.observe(len(images))
        MODEL_SECONDS.observe(seconds)
        return prediction, seconds / len(images)

    def _finished(self, batch: list[_Waiting], work: "asyncio.Future[tuple[Prediction, float]]") -> None:
        self._running = False
        error = work.exception()
        if error is None:
            prediction, seconds = work.result()
            self.seconds_per_image += SMOOTHING * (seconds - self.seconds_per_image)
        start = 0
        for item in batch:
            stop = start + len(item.images)
            if not item.done.done():
                if error is not None:
                    item.done.set_exception(error)
                else:
                    item.done.set_result(prediction.part(start, stop))
            start = stop
        self._start()
