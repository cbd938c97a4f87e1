"""The limit from which drift is an alarm, found by simulating streams of unshifted images.

Sums of squares such as `drift_score.compare` returns are nearly normal after a cube root (Wilson & Hilferty
1931), so each statistic is measured as a cube root, in deviations from its mean over unshifted images. The
threshold is what the largest statistic, over all checks of a stream, exceeds in one stream of a hundred.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .counts import Counts, Indicators, counts_of
from .drift_score import CHECK_EVERY, MIN_IMAGES, WINDOW, compare

STREAMS = 1000  # simulated
STREAM_LENGTH = 2 * WINDOW  # images in each
FALSE_ALARM_RATE = 0.01  # share of the streams that may raise an alarm

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Thresholds:
    """How large the statistics become without drift.

    Attributes:
        means, deviations: of the cube root of each statistic's maximum over an unshifted stream, `[J]`.
        threshold: of the largest statistic, in those deviations.
    """

    means: Array
    deviations: Array
    threshold: float

    def scores(self, statistics: Array) -> Array:
        """Return the scores `[J]` of statistics `[J]`: about 0 without drift, an alarm from 1 on.

        >>> import numpy as np
        >>> Thresholds(np.array([2.0]), np.array([1.0]), 3.0).scores(np.array([125.0])).tolist()
        [1.0]
        """
        z = (np.cbrt(statistics) - self.means) / self.deviations / self.threshold
        return np.maximum(0.0, z)


def find_thresholds(reference: Indicators, *, seed: int) -> Thresholds:
    """Return the thresholds for the images of a reference, from `STREAMS` simulated streams."""
    maxima = _unshifted_maxima(reference, np.random.default_rng(seed))
    means, deviations = maxima.mean(axis=0), maxima.std(axis=0)
    deviations = np.where(deviations > 0, deviations, 1.0)  # of what never varies, a label that nothing has
    largest = ((maxima - means) / deviations).max(axis=1)
    return Thresholds(means, deviations, float(np.quantile(largest, 1 - FALSE_ALARM_RATE)))


def _unshifted_maxima(reference: Indicators, generator: np.random.Generator) -> Array:
    """Return the cube root of each statistic's maximum over each unshifted stream, `[STREAMS, J]`.

    A stream is drawn from the reference's images and checked as the service does, from `MIN_IMAGES` on. The
    reference is drawn anew for each stream too, so that the chance in it counts as well.
    """
    flat, starts = reference.flat()
    total = len(flat)
    bins_shape = reference.bins.shape[1:]

    def counts(images: Array, sums: Array) -> Counts:
        classes, bins, coordinates, *together = np.split(sums, starts, axis=-1)
        bins = bins.reshape(*bins.shape[:-1], *bins_shape)
        return counts_of(images, [classes, bins, coordinates, *together], reference.pairs)

    # a check sees the blocks of CHECK_EVERY images from `first` up to `last`
    last = np.arange(MIN_IMAGES, STREAM_LENGTH + 1, CHECK_EVERY) // CHECK_EVERY
    first = np.maximum(0, last - WINDOW // CHECK_EVERY)
    maxima = []
    for _ in range(STREAMS):
        weights = generator.multinomial(total, np.full(total, 1 / total)).astype(np.float32)
        redrawn = counts(np.array([float(total)]), np.asarray(weights @ flat, np.float64)[None])
        stream = flat[generator.integers(0, total, STREAM_LENGTH)]
        blocks = stream.reshape(STREAM_LENGTH // CHECK_EVERY, CHECK_EVERY, -1).sum(axis=1, dtype=np.float64)
        sums = np.concatenate([np.zeros((1, blocks.shape[1])), np.cumsum(blocks, axis=0)])
        images = np.asarray((last - first) * CHECK_EVERY, dtype=np.float64)
        maxima.append(np.cbrt(compare(counts(images, sums[last] - sums[first]), redrawn)).max(axis=0))
    return np.array(maxima)
