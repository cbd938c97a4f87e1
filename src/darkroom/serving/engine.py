"""From the bytes of pictures to probabilities: decoding and the model, each off the event loop."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .batching import MEMORY, Answer, Batcher
from .errors import too_busy
from .model import Classifier
from .pictures import PictureError, load, open_picture, to_model_input
from .uploads import Memory

LARGE_PIXELS = 2_000_000  # pictures of a request together; from here on decoding takes a while
MAX_LARGE = 4  # requests with large pictures at once; each takes some hundred megabytes while it is decoded

G = TypeVar("G")
R = TypeVar("R")


class Engine:
    """The model with all that waits for it. Lives on one event loop.

    Small pictures are decoded in one thread, large ones in another, so that nobody waits behind a
    photograph; the model has a third.

    Attributes:
        classifier: the model.
        memory: of the uploads.
    """

    def __init__(self, classifier: Classifier, *, queue_seconds: float) -> None:
        """Start the threads.

        Args:
            classifier: what predicts.
            queue_seconds: how long a request may be expected to wait for those before it; else it is refused.
        """
        self.classifier, self.memory = classifier, Memory()
        self._batcher = Batcher(classifier)
        self._queue_seconds = queue_seconds
        self._admitted = self._large = 0
        self._decoding = 0.0  # seconds a small picture, lately
        self._decoder, self._large_decoder = (
            ThreadPoolExecutor(1, name) for name in ("decode", "decode-large")
        )

    def check(self) -> None:
        """Refuse one request more where it would have to wait too long for those before it.

        Raises:
            RequestError: 503 with Retry-After.
        """
        seconds = self._admitted * (self._batcher.seconds_a_picture + self._decoding)
        if seconds > self._queue_seconds:
            raise too_busy(
                f"{self._admitted} pictures wait already, which takes about {seconds:.1f} seconds. "
                "Try again in a second."
            )

    async def classify(
        self, pictures: Sequence[bytes]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], float]:
        """Classify the pictures of one request; as `explain`, without heat maps."""
        pixels, (probabilities, _), seconds = await self.explain(pictures)
        return pixels, probabilities, seconds

    async def explain(self, pictures: Sequence[bytes]) -> tuple[NDArray[np.uint8], Answer, float]:
        """Classify the pictures of one request, with heat maps.

        Returns:
            Their pixels as the model sees them, uint8 `[N,H,W,C]`; their probabilities and heat maps;
            and the seconds that it took, waiting included.

        Raises:
            PictureError: one cannot be used; of several, the message says which.
            RequestError: there is no time for them.
        """
        self.check()
        start = time.perf_counter()
        with self._admission(len(pictures)):
            pixels = await self._decode(pictures)
            answer = await self._batcher.explain(pixels)
        return pixels, answer, time.perf_counter() - start

    @contextmanager
    def _admission(self, pictures: int) -> Iterator[None]:
        self._admitted += pictures
        try:
            yield
        finally:
            self._admitted -= pictures

    async def _decode(self, pictures: Sequence[bytes]) -> NDArray[np.uint8]:
        loop = asyncio.get_running_loop()
        pixels = np.empty((len(pictures), *self.classifier.shape), np.uint8)

        def small() -> list[Image.Image] | None:
            """Decode all, unless they are large; then return them opened."""
            start = time.perf_counter()
            opened = [
                _named(number, len(pictures), open_picture, data) for number, data in enumerate(pictures)
            ]
            if sum(image.width * image.height for image in opened) > LARGE_PIXELS:
                return opened
            self._fill(pixels, opened)
            took = (time.perf_counter() - start) / len(pictures)
            self._decoding += MEMORY * (took - self._decoding)
            return None

        opened = await loop.run_in_executor(self._decoder, small)
        if opened is None:
            return pixels
        if self._large >= MAX_LARGE:
            raise too_busy(
                f"{self._large} large pictures are being decoded. Try again, or send them smaller."
            )
        self._large += 1
        try:
            await loop.run_in_executor(self._large_decoder, self._fill, pixels, opened)
        finally:
            self._large -= 1
        return pixels

    def _fill(self, pixels: NDArray[np.uint8], opened: list[Image.Image]) -> None:
        height, width, channels = self.classifier.shape
        count = len(opened)
        for number in range(count):
            # taken out of the list, so that the pixels of one are freed before the next is decoded
            plain = _named(number, count, load, opened.pop(0))
            pixels[number] = to_model_input(plain, height=height, width=width, channels=channels)


def _named(number: int, count: int, work: Callable[[G], R], given: G) -> R:
    """Return `work(given)`; where it fails and there are several pictures, say which it was."""
    try:
        return work(given)
    except PictureError as error:
        if count == 1:
            raise
        where = f"Picture {number + 1} of {count}: {error.message} Nothing was classified."
        raise PictureError(error.code, where, error.status) from error
