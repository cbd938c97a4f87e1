"""The paired test: which of two models is better on the same images, and whether chance explains it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.mcnemar import mcnemar_p
from darkroom.evaluation.multilabel.paired import paired_differences, two_sided_p
from darkroom.registry.candidate import Candidate

RESAMPLES = 10_000
PRECISION_RESAMPLES = 2000  # of mAP, each of which takes a thousand times as long as one of accuracy


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Two models on the same images.

    Attributes:
        images: how many.
        only_first: images that only the first model classifies correctly.
        only_second: images that only the second model classifies correctly.
        difference: accuracy of the first less that of the second, -1 to 1.
        low: lower end of the 95 % interval of `difference`.
        high: upper end of it.
        p_value: two-sided.
    """

    images: int
    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class PairedPrecision(Paired):
    """Two models of several labels on the same images.

    `only_first` and `only_second` count images whose labels are all right; `difference` is in mAP, and the
    interval and the p-value are those of a paired bootstrap.

    Attributes:
        measure: average_precision.
    """

    measure: str = "average_precision"


def compared(first: Candidate, second: Candidate) -> Paired:
    """Compare two candidates on the same images: by accuracy, or by mAP where these have several labels."""
    if first.probabilities is None or second.probabilities is None:
        return paired_test(first.correct, second.correct)
    return paired_precision(first, second)


def paired_precision(first: Candidate, second: Candidate, *, seed: int = 0) -> PairedPrecision:
    """Compare two models of several labels by their mAP, with a bootstrap in which both have the same images.

    Raises ValueError where the two are not of the same images.
    """
    one, other = first.probabilities, second.probabilities
    if one is None or other is None or not np.array_equal(first.labels, second.labels):
        raise ValueError(
            f"the predictions of versions {first.version} and {second.version} are not of the same images "
            "with several labels"
        )
    differences = paired_differences(one, other, first.labels, resamples=PRECISION_RESAMPLES, seed=seed)
    low, high = np.nanquantile(differences, [0.025, 0.975])
    difference = (first.average_precision or 0.0) - (second.average_precision or 0.0)
    return PairedPrecision(
        images=len(first.labels),
        only_first=int((first.correct & ~second.correct).sum()),
        only_second=int((second.correct & ~first.correct).sum()),
        difference=difference,
        low=float(low),
        high=float(high),
        p_value=two_sided_p(differences) if difference or np.nanmax(np.abs(differences)) else 1.0,
    )


def paired_test(first: NDArray[np.bool_], second: NDArray[np.bool_], *, seed: int = 0) -> Paired:
    """Compare two models by which of the same images each classifies correctly, bool [N].

    The p-value is that of McNemar's exact test (Q. McNemar, "Note on the sampling error of the difference
    between correlated proportions or percentages", Psychometrika 12, 1947): if the models are equally
    good, an image that only one of them classifies correctly is as likely the first's as the second's. The
    interval is the percentile interval of a paired bootstrap (B. Efron, "Bootstrap methods", Annals of
    Statistics 7, 1979). To resample images is to draw how many of each of three kinds come up: correct by
    the first alone, by the second alone, and the rest.

    Raises:
        ValueError: the two are not of the same images.

    >>> first = np.array([True] * 9 + [False])
    >>> second = np.array([True] * 6 + [False] * 4)
    >>> paired = paired_test(first, second)
    >>> paired.only_first, paired.only_second, round(paired.difference, 2), paired.p_value
    (3, 0, 0.3, 0.25)
    """
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(f"the predictions are of {list(first.shape)} and {list(second.shape)} images")
    images = len(first)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    kinds = np.array([only_first, only_second, images - only_first - only_second])
    drawn = np.random.default_rng(seed).multinomial(images, kinds / images, size=RESAMPLES)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / images, [0.025, 0.975])
    return Paired(
        images=images,
        only_first=only_first,
        only_second=only_second,
        difference=(only_first - only_second) / images,
        low=float(low),
        high=float(high),
        p_value=mcnemar_p(only_first, only_second),
    )


def smallest_p_value(images: int) -> float:
    """Return the p-value of the test where only one of two models is correct, on all of so many images.

    >>> smallest_p_value(6)
    0.03125
    """
    return min(1.0, 2 * 0.5**images)


def describe(paired: Paired, other: str) -> str:
    """Return in words how the first model did beside the second, which is version `other`.

    >>> same = np.array([True, False])
    >>> describe(paired_test(same, same), "3")
    'it is correct on exactly the same of the 2 test images as version 3'
    """
    if isinstance(paired, PairedPrecision):
        return (
            f"{100 * paired.difference:+.2f} points of test mAP against version {other} (95 % interval "
            f"{100 * paired.low:+.2f} to {100 * paired.high:+.2f}, paired bootstrap): of {paired.images:,} "
            "images "
            f"only this version has all labels right on {paired.only_first:,} and only version {other} on "
            f"{paired.only_second:,}, p {p_text(paired.p_value)}"
        )
    if not paired.only_first and not paired.only_second:
        return f"it is correct on exactly the same of the {paired.images:,} test images as version {other}"
    return (
        f"{100 * paired.difference:+.2f} points of test accuracy against version {other} "
        f"(95 % interval {100 * paired.low:+.2f} to {100 * paired.high:+.2f}): of {paired.images:,} "
        f"images only this version is correct on {paired.only_first:,} and only version {other} on "
        f"{paired.only_second:,}, p {p_text(paired.p_value)}"
    )


def p_text(p_value: float) -> str:
    """Return a p-value with its sign.

    >>> p_text(0.0312), p_text(0.00001)
    ('= 0.031', '< 0.0001')
    """
    return "< 0.0001" if p_value < 0.0001 else f"= {p_value:.2g}"
