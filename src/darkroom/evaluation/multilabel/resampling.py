"""The bootstrap of images (Efron 1979), in chunks that fit into memory."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

CHUNK = 100  # resamples computed at once


def draws(images: int, *, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield how often each image is in each resample, int64 [R,images], `resamples` in total.

    >>> [one.sum(axis=1).tolist() for one in draws(5, resamples=2, seed=0)]
    [[5, 5]]
    """
    random = np.random.default_rng(seed)
    for start in range(0, resamples, CHUNK):
        chances = np.full(images, 1 / images)
        yield random.multinomial(images, chances, size=min(CHUNK, resamples - start))
