"""From the bytes of images to probabilities: decoding and the model, each off the event loop."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...images.decoding import load
from ...images.formats import ImageError, open_image
from ...images.resizing import to_model_input
from ..errors import too_busy
from ..memory import UploadMemory
from ..metrics import DECODE_SECONDS, WAITING
from .batching import MEMORY, Batcher
from .model import Classifier
from .runtime import Prediction

LARGE_PIXELS = 2_000_000  # images of a request together; from here on decoding takes a while
MAX_LARGE = 4  # requests with large images at once; each takes some hundred megabytes while it is decoded

G = TypeVar("G")
R = TypeVar("R")


class File(NamedTuple):
    """What is known of an upload without a look at its pixels; sizes in pixels and bytes."""

    format: str
    width: int
    height: int
    bytes: int


class Classified(NamedTuple):
    """The images of one request, classified.

    Attributes:
        pixels: as the model sees them, uint8 `[N,H,W,C]`.
        prediction: the model's.
        seconds: that it took, waiting included.
        files: of the uploads.
    """

    pixels: NDArray[np.uint8]
    prediction: Prediction
    seconds: float
    files: list[File]


class Engine:
    """The model with all that waits for it. Lives on one event loop.

    Small images are decoded in one thread, large ones in another, so that nobody waits behind a
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
        self.classifier, self.memory = classifier, UploadMemory()
        self._batcher = Batcher(classifier)
        self._queue_seconds = queue_seconds
        self._admitted = self._large = 0
        self._decoding = 0.0  # seconds a small image, lately
        self._decoder, self._large_decoder = (
            ThreadPoolExecutor(1, name) for name in ("decode", "decode-large")
        )

    def check(self) -> None:
        """Refuse one request more where it would have to wait too long for those before it.

        Raises:
            RequestError: 503 with Retry-After.
        """
        seconds = self._admitted * (self._batcher.seconds_per_image + self._decoding)
        if seconds > self._queue_seconds:
            raise too_busy(
                f"{self._admitted} images wait already, which takes about {seconds:.1f} seconds. "
                "Try again in a second."
            )

    async def classify(self, images: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.float32], float]:
        """Classify the images of one request; return pixels, probabilities and seconds of `explain`."""
        done = await self.explain(images)
        return done.pixels, done.prediction.probabilities, done.seconds

    async def explain(self, images: Sequence[bytes]) -> Classified:
        """Classify the images of one request, with all that the model says of them.

        Raises:
            ImageError: one cannot be used; of several, the message says which.
            RequestError: there is no time for them.
        """
        self.check()
        start = time.perf_counter()
        with self._admission(len(images)):
            pixels, files = await self._decode(images)
            DECODE_SECONDS.observe(time.perf_counter() - start)
            prediction = await self._batcher.explain(pixels)
        return Classified(pixels, prediction, time.perf_counter() - start, files)

    @contextmanager
    def _admission(self, images: int) -> Iterator[None]:
        self._admitted += images
        WAITING.inc(images)
        try:
            yield
        finally:
            self._admitted -= images
            WAITING.dec(images)

    async def _decode(self, images: Sequence[bytes]) -> tuple[NDArray[np.uint8], list[File]]:
        loop = asyncio.get_running_loop()
        files: list[File] = []
        pixels = np.empty((len(images), *self.classifier.shape), np.uint8)

        def small() -> list[Image.Image] | None:
            """Decode all, unless they are large; then return them opened."""
            start = time.perf_counter()
            opened = [_named(number, len(images), open_image, data) for number, data in enumerate(images)]
            files.extend(
                File(str(image.format), image.width, image.height, len(data))
                for image, data in zip(opened, images, strict=True)
            )
            if sum(image.width * image.height for image in opened) > LARGE_PIXELS:
                return opened
            self._fill(pixels, opened)
            took = (time.perf_counter() - start) / len(images)
            self._decoding += MEMORY * (took - self._decoding)
            return None

        opened = await loop.run_in_executor(self._decoder, small)
        if opened is None:
            return pixels, files
        if self._large >= MAX_LARGE:
            raise too_busy(f"{self._large} large images are being decoded. Try again, or send them smaller.")
        self._large += 1
        try:
            await loop.run_in_executor(self._large_decoder, self._fill, pixels, opened)
        finally:
            self._large -= 1
        return pixels, files

    def _fill(self, pixels: NDArray[np.uint8], opened: list[Image.Image]) -> None:
        height, width, channels = self.classifier.shape
        count = len(opened)
        for number in range(count):
            # taken out of the list, so that the pixels of one are freed before the next is decoded
            plain = _named(number, count, load, opened.pop(0))
            pixels[number] = to_model_input(plain, height=height, width=width, channels=channels)


def _named(number: int, count: int, work: Callable[[G], R], given: G) -> R:
    """Return `work(given)`; where it fails and there are several images, say which it was."""
    try:
        return work(given)
    except ImageError as error:
        if count == 1:
            raise
        where = f"Image {number + 1} of {count}: {error.message} Nothing was classified."
        raise ImageError(error.code, where, error.status) from error
