"""Confidence intervals: Wilson's for a share of images, the bootstrap for any other statistic."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri  # not scipy.stats, which takes half a second to import


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval (low, high) of a share, each within 0..1.

    Without trials nothing is known: the interval is (0, 1). The method is Wilson's (1927, Journal of the
    American Statistical Association 22).

    >>> low, high = wilson_interval(90, 100)
    >>> print(f"{low:.4f} to {high:.4f}")
    0.8256 to 0.9448

    Raises:
        ValueError: `successes` is outside 0..`trials`, or `confidence` outside 0..1.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"successes must be 0 to {trials} (the trials), got {successes}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    if trials == 0:
        return 0.0, 1.0
    low, high = wilson_score(successes / trials, trials, confidence)
    return low if successes else 0.0, high if successes < trials else 1.0


def wilson_score(share: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval (low, high) of a share of `trials` above 0, which need be no whole number."""
    squared = float(ndtri(0.5 + 0.5 * confidence)) ** 2
    scale = 2 * (trials + squared)
    middle = (2 * trials * share + squared) / scale
    half = np.sqrt(squared) / scale * np.sqrt(4 * trials * share * (1 - share) + squared)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    images: int,
    resamples: int = 1000,
    *,
    seed: int = 0,
    strata: NDArray[np.int64] | None = None,
) -> tuple[float, float]:
    """Return the 95 % percentile interval (low, high) of a statistic over resampled images.

    The method is Efron and Tibshirani's (1993, "An Introduction to the Bootstrap"). The same seed gives
    the same interval.

    >>> values = np.array([1.0, 2.0, 3.0, 4.0])
    >>> low, high = bootstrap_interval(lambda drawn: values[drawn].mean(), len(values))
    >>> low < 2.5 < high
    True

    Args:
        statistic: takes indices int64 [images], drawn with replacement, and returns a number.
        images: how many images there are, at least 1.
        resamples: how often to draw; its time grows with it.
        seed: of the draws.
        strata: the class of each image, int64 [images]; each draw then has as many images of each class as
            there are, so that a rare class is never missing from an average over the classes. The interval
            says nothing about a class of one image.
    """
    generator = np.random.default_rng(seed)
    if strata is None:
        values = [float(statistic(generator.integers(images, size=images))) for _ in range(resamples)]
    else:
        by_class = np.argsort(strata, kind="stable")
        sizes = np.bincount(strata)
        starts, counts = np.repeat(np.cumsum(sizes) - sizes, sizes), np.repeat(sizes, sizes)
        draws = (by_class[starts + generator.integers(counts)] for _ in range(resamples))
        values = [float(statistic(drawn)) for drawn in draws]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def accuracy_with_interval(correct: NDArray[np.bool_]) -> dict[str, Any]:
    """Return `images`, `accuracy`, `accuracy_low` and `accuracy_high` (95 % Wilson interval) of bool [N].

    The accuracy of no images is NaN.

    >>> accuracy_with_interval(np.array([True, False]))["accuracy"]
    0.5
    """
    low, high = wilson_interval(int(correct.sum()), len(correct))
    accuracy = float(correct.mean()) if len(correct) else float("nan")
    return {"images": len(correct), "accuracy": accuracy, "accuracy_low": low, "accuracy_high": high}
