"""How far probabilities can be trusted: temperature scaling and the calibration error.

An image's confidence is the probability of its predicted class.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from darkroom.evaluation.intervals import bootstrap_interval, wilson_interval

BINS = 15  # equally wide bins of confidence, as many as in the published figures
TEMPERATURES = (0.05, 20.0)  # the range that is searched


def scale(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return the probabilities float32 [N,K] of logits [N,K] that are divided by `temperature`.

    >>> scale(np.array([[0.0, 0.0]], dtype=np.float32), 2.0).tolist()
    [[0.5, 0.5]]
    """
    return np.asarray(softmax(logits.astype(np.float64) / temperature, axis=1), dtype=np.float32)


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the temperature with the least cross-entropy on held-out images.

    The method is Guo et al.'s (2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599). As in
    Platt's scaling (1999), the target for the true class of each of N images is (N+1)/(N+2), and the other
    classes share the rest: where every image is correct, the least cross-entropy would otherwise have all
    probabilities 0 or 1.

    >>> logits = np.array([[8.0, 0.0], [8.0, 0.0], [8.0, 0.0]], dtype=np.float32)
    >>> fit_temperature(logits, np.array([0, 0, 1])) > 1  # overconfident: one in three is wrong
    True

    Args:
        logits: float [N,K], N of at least 1, K of at least 2.
        labels: integers [N] within 0..K-1.

    Raises:
        ValueError: the shapes do not fit or a logit is not finite.
    """
    from scipy.optimize import minimize_scalar  # takes 0.4 s to import; one stage fits

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
    confidence: NDArray[np.floating[Any]], correct: NDArray[np.bool_], *, bins: int = BINS
) -> float:
    """Return the expected calibration error of predictions, 0..1.

    It is the mean over the images of |confidence - accuracy|, both averaged first within their bin, one of
    `bins` equal parts of 0..1 (Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning").

    >>> calibration_error(np.array([0.75, 0.75]), np.array([True, False]))
    0.25

    Args:
        confidence: float [N], within 0..1.
        correct: bool [N].
        bins: how many.
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(correct))


def calibration_interval(
    confidence: NDArray[np.floating[Any]], correct: NDArray[np.bool_], resamples: int = 1000
) -> tuple[float, float]:
    """Return the 95 % interval (low, high) of the calibration error of predictions, both arrays [N].

    The error cannot be negative, so chance adds to it: a sample's error is above the true one, and a
    resample's above the sample's. The resamples therefore bound the true error from above (by their
    percentile) but not from below, and the interval reaches as far below the sample's error as above it.
    It is wider than necessary, except for a true error of nearly 0, which it covers in less than 95 %.
    """
    error = calibration_error(confidence, correct)
    _, high = bootstrap_interval(
        lambda drawn: calibration_error(confidence[drawn], correct[drawn]), len(correct), resamples
    )
    return max(0.0, 2 * error - high), high


def reliability_table(
    confidence: NDArray[np.floating[Any]], correct: NDArray[np.bool_], *, bins: int = BINS
) -> pd.DataFrame:
    """Return a row a bin of confidence that has images.

    Columns: `low` and `high` (the bin's edges), `images`, `confidence` (mean), `accuracy`, and
    `accuracy_low` and `accuracy_high` (95 % Wilson interval).
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    rows = []
    for bin_ in np.unique(place):
        inside = place == bin_
        low, high = wilson_interval(int(correct[inside].sum()), int(inside.sum()))
        rows.append(
            {
                "low": bin_ / bins,
                "high": (bin_ + 1) / bins,
                "images": int(inside.sum()),
                "confidence": float(confidence[inside].mean()),
                "accuracy": float(correct[inside].mean()),
                "accuracy_low": low,
                "accuracy_high": high,
            }
        )
    return pd.DataFrame(rows)
