"""Intervals of a share of correct images, where images of one unit depend on each other."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from .intervals import wilson_score


def unit_interval(
    correct: NDArray[np.bool_],
    units: NDArray[np.int64],
    *,
    strata: NDArray[np.int64] | None = None,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return an interval (low, high) of the share of images that are correct, each within 0..1.

    Ten photographs of one patient are not ten independent images. So the variance of the share is computed
    over units (linearised, as if units were drawn at random), and from it how many independent images would
    have this variance, fewer by Student's t where units are few: the adjustment of Korn and Graubard (1998,
    Survey Methodology 24). The interval is Wilson's for so many, which Dean and Pagano recommend (2015,
    Journal of Survey Statistics and Methodology 3). Where all or no images are correct, the variance says
    nothing, and the effective number of units (Kish) takes its place. For units of one image each it is about
    `wilson_interval`. In a balanced accuracy a class without a wrong image adds no variance.

    Args:
        correct: bool [N].
        units: int64 [N]; images with one number depend on each other.
        strata: int64 [N], the class of each image; the share is then the mean of the shares of the
            classes that have images, the balanced accuracy.
        confidence: of the interval, 0 to 1.

    Returns:
        The interval; (0, 1) where there are fewer than two units, of which nothing is known.

    >>> correct = np.arange(100) % 10 > 0
    >>> low, high = unit_interval(correct, np.arange(100))
    >>> print(f"alone {low:.2f} to {high:.2f}")
    alone 0.82 to 0.95
    >>> low, high = unit_interval(np.sort(correct), np.arange(100) // 10)
    >>> print(f"ten units, one of them all wrong: {low:.2f} to {high:.2f}")
    ten units, one of them all wrong: 0.52 to 0.99
    """
    _, places = np.unique(units, return_inverse=True)
    count = int(places.max(initial=-1)) + 1
    if count < 2:
        return 0.0, 1.0
    _, stratum = np.unique(np.zeros_like(units) if strata is None else strata, return_inverse=True)
    sizes = np.bincount(stratum)
    weights = 1 / (len(sizes) * sizes[stratum])  # of each image in the share; they sum to 1
    shares = np.bincount(stratum, weights=correct) / sizes
    share = float(shares.mean())
    deviations = np.bincount(places, weights=weights * (correct - shares[stratum]))
    variance = count / (count - 1) * float(np.square(deviations).sum())
    images = 1 / float(np.square(weights).sum())  # the effective number of images, were they independent
    if 0 < share < 1:
        effective = min(share * (1 - share) / max(variance, np.finfo(float).tiny), images)
    else:
        effective = 1 / float(np.square(np.bincount(places, weights=weights)).sum())
    quantile = float(ndtri((1 + confidence) / 2))
    effective *= (quantile / float(stdtrit(count - 1, (1 + confidence) / 2))) ** 2
    return wilson_score(share, effective, confidence)
