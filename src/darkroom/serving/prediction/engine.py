"""From the bytes of images to probabilities: decoding and the model, each off the event loop."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...images.decoding import load_for_model
from ...images.formats import ImageError, open_image
from ...images.native_messages import messages
from ...images.resizing import to_model_input
from ..errors import too_busy
from ..memory import UploadMemory
from ..metrics import DECODE_SECONDS, DECODER_MESSAGES, WAITING
from ..settings import HELD_BYTES
from .batching import SMOOTHING, Batcher
from .model import Classifier
from .runtime import Prediction

LARGE_PIXELS = 2_000_000  # of a request's images together; above it they are decoded in the second thread
MAX_LARGE = 4  # requests with large images at once; decoding each takes some hundred megabytes

G = TypeVar("G")
R = TypeVar("R")


class File(NamedTuple):
    """An uploaded file as its header describes it; sizes in pixels and bytes."""

    format: str
    width: int
    height: int
    bytes: int


class Classified(NamedTuple):
    """The images of one request, classified.

    Attributes:
        pixels: as the model sees them, uint8 `[N,H,W,C]`.
        prediction: the model's, for all of them.
        seconds: from the received bytes to the prediction, including the time in the queue.
        files: the uploaded files.
    """

    pixels: NDArray[np.uint8]
    prediction: Prediction
    seconds: float
    files: list[File]


class Engine:
    """The model with the queue of requests that wait for it. All calls come from one event loop.

    Small images are decoded in one thread and large ones in another, so that no request waits behind a
    large photograph; the model has a third thread.

    Attributes:
        classifier: the model.
        memory: what the uploads of this process hold.
    """

    def __init__(self, classifier: Classifier, *, queue_seconds: float, held_bytes: int = HELD_BYTES) -> None:
        """Start the threads.

        Args:
            classifier: the model.
            queue_seconds: a request whose expected time in the queue is longer is refused.
            held_bytes: limit of what the uploads of this process hold.
        """
        self.classifier, self.memory = classifier, UploadMemory(held_bytes)
        self._batcher = Batcher(classifier)
        self._queue_seconds = queue_seconds
        self._admitted = self._large = 0
        self._decoding = 0.0  # seconds for a small image, as a moving average
        self._messages = messages()  # of decoders, that the metrics have
        self._decoder, self._large_decoder = (
            ThreadPoolExecutor(1, name) for name in ("decode", "decode-large")
        )

    def check(self) -> None:
        """Refuse a request that would wait too long for those before it.

        Raises:
            RequestError: 503 with Retry-After.
        """
        seconds = self._admitted * (self._batcher.seconds_per_image + self._decoding)
        if seconds > self._queue_seconds:
            raise too_busy(
                f"{self._admitted} images are waiting already, which takes about {seconds:.1f} seconds. "
                "Try again in a second."
            )

    async def classify(self, images: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.float32], float]:
        """Classify the images of one request; return the pixels, probabilities and seconds of `explain`."""
        done = await self.explain(images)
        return done.pixels, done.prediction.probabilities, done.seconds

    async def explain(self, images: Sequence[bytes]) -> Classified:
        """Classify the images of one request; return all outputs of the model.

        Raises:
            ImageError: an image cannot be used; of several, the message names it.
            RequestError: 503, the queue is too long.
        """
        self.check()
        start = time.perf_counter()
        with self._admission(len(images)):
            try:
                pixels, files = await self._decode(images)
            finally:
                self._count_messages()
            DECODE_SECONDS.observe(time.perf_counter() - start)
            prediction = await self._batcher.explain(pixels)
        return Classified(pixels, prediction, time.perf_counter() - start, files)

    def _count_messages(self) -> None:
        before, self._messages = self._messages, max(self._messages, messages())
        DECODER_MESSAGES.inc(self._messages - before)

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

        def decode_small() -> list[Image.Image] | None:
            """Decode all images, or return them opened but not decoded where they are large."""
            start = time.perf_counter()
            opened = [_named(number, len(images), open_image, data) for number, data in enumerate(images)]
            files.extend(
                File(str(image.format), image.width, image.height, len(data))
                for image, data in zip(opened, images, strict=True)
            )
            if sum(image.width * image.height for image in opened) > LARGE_PIXELS:
                return opened
            self._fill(pixels, opened)
            seconds = (time.perf_counter() - start) / len(images)
            self._decoding += SMOOTHING * (seconds - self._decoding)
            return None

        opened = await loop.run_in_executor(self._decoder, decode_small)
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
        (height, width, channels), fit = self.classifier.shape, self.classifier.fit
        decoder = partial(load_for_model, height=height, width=width, fit=fit)
        count = len(opened)
        for number in range(count):
            # removed from the list, so that the pixels of one are freed before the next is decoded
            image = _named(number, count, decoder, opened.pop(0))
            pixels[number] = to_model_input(image, height=height, width=width, channels=channels, fit=fit)


def _named(number: int, count: int, function: Callable[[G], R], argument: G) -> R:
    """Return `function(argument)`; where it fails on one of several images, name the image in the error."""
    try:
        return function(argument)
    except ImageError as error:
        if count == 1:
            raise
        where = f"Image {number + 1} of {count}: {error.message} Nothing was classified."
        raise ImageError(error.code, where, error.status) from error
