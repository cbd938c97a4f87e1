"""Selective classification: accuracy when only confident predictions count.

The method is Geifman and El-Yaniv's (2017, "Selective Classification for Deep Neural Networks",
arXiv:1705.08500). An image's confidence is the probability of its predicted class.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CURVE_POINTS = 200


def coverage_curve(
    confidence: NDArray[np.floating[Any]], correct: NDArray[np.bool_], *, threshold: float | None = None
) -> pd.DataFrame:
    """Return the accuracy of the predictions above each threshold of confidence, sorted by falling coverage.

    >>> coverage_curve(np.array([0.9, 0.6]), np.array([True, False])).to_dict("list")
    {'threshold': [0.6, 0.9], 'coverage': [1.0, 0.5], 'accuracy': [0.5, 1.0]}

    Args:
        confidence: float [N], within 0..1.
        correct: bool [N].
        threshold: a threshold whose row must be in the curve.

    Returns:
        Columns: `threshold` (the least confidence that counts), `coverage` (share of the images that have
        it) and `accuracy` (share of those that are correct): some 200 rows, evenly spread over the
        coverage, and the one of the given `threshold`.
    """
    thresholds, covered, hits = _selective(confidence, correct)
    rows = set(np.linspace(0, len(thresholds) - 1, min(CURVE_POINTS, len(thresholds))).round().astype(int))
    if threshold is not None and thresholds[0] >= threshold:
        rows.add(int(np.flatnonzero(thresholds >= threshold)[-1]))
    chosen = sorted(rows, reverse=True)
    return pd.DataFrame(
        {
            "threshold": thresholds[chosen],
            "coverage": covered[chosen] / len(correct),
            "accuracy": hits[chosen] / covered[chosen],
        }
    )


def confidence_threshold(
    confidence: NDArray[np.floating[Any]], correct: NDArray[np.bool_], *, accuracy: float
) -> float | None:
    """Return the least confidence above which the share `accuracy` of the predictions is correct.

    None where no confidence reaches that.

    >>> confidence = np.array([0.9, 0.8, 0.4])
    >>> confidence_threshold(confidence, np.array([True, True, False]), accuracy=1.0)
    0.8
    """
    thresholds, covered, hits = _selective(confidence, correct)
    enough = np.flatnonzero(hits / covered >= accuracy)
    return float(thresholds[enough[-1]]) if enough.size else None


def _selective(
    confidence: NDArray[np.floating[Any]], correct: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the confidences, falling, how many images reach each, and how many of those are correct."""
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order].astype(np.float64)
    # Images of equal confidence are above or below a threshold together.
    last = np.flatnonzero(np.append(falling[:-1] != falling[1:], True))
    return falling[last], (last + 1).astype(np.int64), np.cumsum(correct[order], dtype=np.int64)[last]
