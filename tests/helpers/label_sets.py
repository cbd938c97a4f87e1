"""Images with several labels for tests: scores that say something, and labels of which some are unknown."""

import numpy as np
from numpy.typing import NDArray


def scored(
    count: int = 60, labels: int = 5, *, seed: int = 0, unknown: float = 0.0, decimals: int = 8
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return scores float64 [N,L] from 0 to 1 and labels int8 [N,L]; each image has a label and lacks one.

    With few `decimals` scores are tied.
    """
    random = np.random.default_rng(seed)
    given = (random.random((count, labels)) < 0.4).astype(np.int8)
    given[:, 0], given[:, 1] = np.arange(count) % 2, (np.arange(count) + 1) % 2
    scores = np.round(1 / (1 + np.exp(-(2 * given - 1 + random.normal(size=given.shape)))), decimals)
    hidden = random.random(given.shape) < unknown
    return scores, np.where(hidden, -1, given).astype(np.int8)
