"""How far a probability can be trusted: temperature, calibration error, confidence threshold.

An image's confidence is the probability of its predicted class.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from darkroom.evaluation.intervals import bootstrap_interval, wilson_interval

BINS = 15  # of confidence, as wide as each other: the published figures' number
CURVE_POINTS = 200
TEMPERATURES = (0.05, 20.0)


def scale(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return the probabilities float32 [N,K] of logits [N,K] that are divided by `temperature`."""
    return np.asarray(softmax(logits.astype(np.float64) / temperature, axis=1), dtype=np.float32)


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the temperature with the least cross-entropy on held-out images.

    The method is Guo et al.'s (2017, arXiv:1706.04599). Of N images the true class counts (N+1)/(N+2)
    and the others share the rest, as in Platt's scaling (1999): where every image is right, the least
    cross-entropy would have all probabilities 0 or 1.

    Args:
        logits: float [N,K], N of at least 1, K of at least 2.
        labels: integers [N] within 0..K-1.

    Raises:
        ValueError: the shapes do not fit or a logit is not finite.
    """
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels) or logits.shape[1] < 2:
        raise ValueError(f"logits {list(logits.shape)} and labels {list(labels.shape)} must be [N,K] and [N]")
    if not np.isfinite(logits).all():
        raise ValueError("the logits hold NaN or infinity")
    images, classes = logits.shape
    targets = np.full(logits.shape, 1 / (images + 2) / (classes - 1))
    targets[np.arange(images), labels] = (images + 1) / (images + 2)

    def cross_entropy(log_temperature: float) -> float:
        return float(-(targets * log_softmax(logits / np.exp(log_temperature), axis=1)).sum(axis=1).mean())

    found = minimize_scalar(cross_entropy, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))


def calibration_error(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], *, bins: int = BINS
) -> float:
    """Return the expected calibration error (Naeini et al. 2015) of answers, both arrays [N].

    It is the mean over the images of |confidence - accuracy|, each averaged first within its one of
    `bins` equal parts of 0..1.
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(right))


def calibration_interval(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], resamples: int = 1000
) -> tuple[float, float]:
    """Return the 95 % interval (low, high) of the calibration error of answers, both arrays [N].

    Chance adds to an error that cannot be negative: that of a sample lies above the true one, and that of
    a resample above the sample's. So the resamples tell how far up the true one may lie (their
    percentile), but not how far down: there it is as far. The interval is wider than need be, but for an
    error of nearly 0, which it holds less often than it says.
    """
    error = calibration_error(confidence, right)
    _, high = bootstrap_interval(
        lambda drawn: calibration_error(confidence[drawn], right[drawn]), len(right), resamples
    )
    return max(0.0, 2 * error - high), high


def reliability_table(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], *, bins: int = BINS
) -> pd.DataFrame:
    """Return a row a bin of confidence that has images.

    Columns: `low` and `high` (the bin's edges), `images`, `confidence` (mean), `accuracy`, and
    `accuracy_low` and `accuracy_high` (95 % Wilson interval).
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    rows = []
    for bin_ in np.unique(place):
        inside = place == bin_
        low, high = wilson_interval(int(right[inside].sum()), int(inside.sum()))
        rows.append(
            {
                "low": bin_ / bins,
                "high": (bin_ + 1) / bins,
                "images": int(inside.sum()),
                "confidence": float(confidence[inside].mean()),
                "accuracy": float(right[inside].mean()),
                "accuracy_low": low,
                "accuracy_high": high,
            }
        )
    return pd.DataFrame(rows)


def coverage_curve(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], *, threshold: float | None = None
) -> pd.DataFrame:
    """Return what is answered, and how well, if only answers of some confidence count; falling coverage.

    Columns: `threshold` (the least confidence that counts), `coverage` (share of the images that have
    it) and `accuracy` (share of those that are right): some 200 rows, evenly spread over the coverage,
    and the one of the given `threshold`. The selective classification of Geifman & El-Yaniv (2017,
    arXiv:1705.08500).
    """
    thresholds, answered, hits = _selective(confidence, right)
    rows = set(np.linspace(0, len(thresholds) - 1, min(CURVE_POINTS, len(thresholds))).round().astype(int))
    if threshold is not None and thresholds[0] >= threshold:
        rows.add(int(np.flatnonzero(thresholds >= threshold)[-1]))
    chosen = sorted(rows, reverse=True)
    return pd.DataFrame(
        {
            "threshold": thresholds[chosen],
            "coverage": answered[chosen] / len(right),
            "accuracy": hits[chosen] / answered[chosen],
        }
    )


def confidence_threshold(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], *, accuracy: float
) -> float | None:
    """Return the least confidence from which on at least the share `accuracy` of answers is right.

    None where no confidence reaches that.
    """
    thresholds, answered, hits = _selective(confidence, right)
    enough = np.flatnonzero(hits / answered >= accuracy)
    return float(thresholds[enough[-1]]) if enough.size else None


def _selective(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the confidences, falling, how many images reach each, and how many of those are right."""
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order].astype(np.float64)
    last = np.flatnonzero(
        np.append(falling[:-1] != falling[1:], True)
    )  # equal confidence is answered together
    return falling[last], (last + 1).astype(np.int64), np.cumsum(right[order], dtype=np.int64)[last]
