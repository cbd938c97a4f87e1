"""From images to probabilities: several threads decode while the graph computes."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom.data.storage import SourceError
from darkroom.images.decoding import load_for_model
from darkroom.images.errors import ImageError
from darkroom.images.formats import open_image
from darkroom.images.resizing import to_model_input
from darkroom.prediction.items import Item
from darkroom.serving.prediction.model import Classifier
from darkroom.serving.prediction.runtime import BATCHES

DECODED_TOGETHER = 4  # by one task of a thread: fewer would cost time between threads, more keep some idle
MOST_GONE = 20  # images in a row whose place does not answer any more: then it is no single file's fault


class Classified(NamedTuple):
    """Some images, in their order, and what the model says.

    Attributes:
        items: the images.
        probabilities: float32 `[N, classes]`; NaN for images that could not be used.
        reasons: why an image could not be used; empty for the others.
        gone: how many of the last images, also of those before, could not be had because their place does
            not answer any more.
    """

    items: list[Item]
    probabilities: NDArray[np.float32]
    reasons: list[str]
    gone: int


class _Unusable(NamedTuple):
    reason: str
    gone: bool = False


def classify(items: Iterable[Item], classifier: Classifier, *, threads: int) -> Iterator[Classified]:
    """Predict images in batches, in their order; few are held in memory at once.

    Args:
        items: the images; an iterator is read as far as needed.
        classifier: the model.
        threads: that read and decode.

    Raises:
        SourceError: a place that answered before does not any more.
        ValueError: an array that is no image.
    """
    groups = _groups(items)
    ahead = max(2 * threads, 2 * BATCHES[0] // DECODED_TOGETHER)
    gone = 0
    waiting: deque[tuple[list[Item], Future[list[NDArray[np.uint8] | _Unusable]]]] = deque()
    with ThreadPoolExecutor(threads, "decode") as pool:
        try:
            for group in islice(groups, ahead):
                waiting.append((group, pool.submit(_decode, group, classifier)))
            while waiting:
                batch: list[Item] = []
                decoded: list[NDArray[np.uint8] | _Unusable] = []
                while waiting and len(batch) < BATCHES[0]:
                    group, work = waiting.popleft()
                    batch += group
                    decoded += work.result()
                    if following := next(groups, None):
                        waiting.append((following, pool.submit(_decode, following, classifier)))
                gone = _gone(decoded, gone)
                yield _predicted(batch, decoded, classifier, gone)
        finally:
            for _, work in waiting:
                work.cancel()


def _groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while group := list(islice(iterator, DECODED_TOGETHER)):
        yield group


def _decode(items: Sequence[Item], classifier: Classifier) -> list[NDArray[np.uint8] | _Unusable]:
    decoded: list[NDArray[np.uint8] | _Unusable] = []
    for item in items:
        try:
            decoded.append(model_input(item, classifier))
        except ImageError as error:
            decoded.append(_Unusable(error.message))
        except SourceError as error:
            decoded.append(_Unusable(str(error), gone=True))
        except OSError as error:
            decoded.append(_Unusable(error.strerror or str(error)))
    return decoded


def model_input(item: Item, classifier: Classifier) -> NDArray[np.uint8]:
    """Return an image as the model sees it, uint8 `[H, W, C]`: what the service makes of the same file.

    Raises ImageError, OSError and SourceError.
    """
    (height, width, channels), fit = classifier.shape, classifier.fit
    content = item.content()
    if isinstance(content, bytes):
        image = load_for_model(open_image(content), height=height, width=width, fit=fit)
    else:
        image = content
    return to_model_input(image, height=height, width=width, channels=channels, fit=fit)


def _gone(decoded: Sequence[NDArray[np.uint8] | _Unusable], gone: int) -> int:
    """Return how many images in a row, up to the last one, are gone. Raises SourceError at `MOST_GONE`."""
    for one in decoded:
        gone = gone + 1 if isinstance(one, _Unusable) and one.gone else 0
        if gone >= MOST_GONE:
            assert isinstance(one, _Unusable)
            raise SourceError(one.reason)
    return gone


def _predicted(
    items: list[Item],
    decoded: Sequence[NDArray[np.uint8] | _Unusable],
    classifier: Classifier,
    gone: int,
) -> Classified:
    probabilities = np.full((len(items), len(classifier.classes)), np.nan, np.float32)
    places = [place for place, one in enumerate(decoded) if not isinstance(one, _Unusable)]
    if places:
        pixels = np.stack([one for one in decoded if not isinstance(one, _Unusable)])
        probabilities[places] = classifier.predict(pixels)
    reasons = [one.reason if isinstance(one, _Unusable) else "" for one in decoded]
    return Classified(items, probabilities, reasons, gone)
