"""Average precision: of each label, their mean (mAP), and of all decisions together."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def average_precisions(scores: NDArray[np.floating], labels: NDArray[np.int8]) -> Array:
    """Return the average precision of each label, float64 [L]; NaN of one that no image has.

    The area below the steps of precision over recall, as scikit-learn's `average_precision_score`; images of
    equal scores are one step.

    >>> scores = np.array([[0.9, 0.1], [0.6, 0.2], [0.3, 0.3]])
    >>> average_precisions(scores, np.array([[1, 0], [0, 0], [1, 1]], dtype=np.int8)).round(3).tolist()
    [0.833, 1.0]
    """
    return np.asarray(resampled_average_precisions(scores, labels, np.ones((1, len(labels))))[0])


def mean_average_precision(scores: NDArray[np.floating], labels: NDArray[np.int8]) -> float:
    """Return the mean of the labels' average precisions, of those that an image has; NaN without any."""
    found = average_precisions(scores, labels)
    return float(found[~np.isnan(found)].mean()) if not np.isnan(found).all() else float("nan")


def micro_average_precision(scores: NDArray[np.floating], labels: NDArray[np.int8]) -> float:
    """Return the average precision of all pairs of an image and a label, as if they were of one label."""
    return float(average_precisions(scores.reshape(-1, 1), labels.reshape(-1, 1))[0])


def resampled_average_precisions(
    scores: NDArray[np.floating], labels: NDArray[np.int8], times: NDArray[np.floating] | NDArray[np.int64]
) -> Array:
    """Return the average precision of each label in resamples of the images, float64 [R,L].

    `times`, [R,N], says how often each image is in each resample. NaN of a label that no image of one has.
    """
    columns = [
        _one(scores[:, label], labels[:, label], np.asarray(times, dtype=np.float64))
        for label in range(labels.shape[1])
    ]
    return np.stack(columns, axis=1)


def _one(scores: NDArray[np.floating], labels: NDArray[np.int8], times: Array) -> Array:
    known = np.flatnonzero(labels >= 0)
    order = known[np.argsort(-scores[known], kind="stable")]
    weights, positive = times[:, order], labels[order] == 1
    # of equal scores only the last one ends a step
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True)) if len(order) else order
    found, seen = (weights * positive).cumsum(axis=1)[:, ends], weights.cumsum(axis=1)[:, ends]
    gained = np.diff(found, axis=1, prepend=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(seen > 0, found / np.where(seen > 0, seen, 1), 0.0)
        total = found[:, -1] if len(order) else np.zeros(len(times))
        return np.asarray(np.where(total > 0, (gained * precision).sum(axis=1) / total, np.nan))
