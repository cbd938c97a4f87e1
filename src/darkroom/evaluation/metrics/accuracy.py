"""Accuracy: the share of the images whose most probable class is their label."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.intervals import wilson_interval


def accuracy(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the share 0..1 of correct predictions; of equal probabilities the first class is predicted.

    >>> accuracy(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0, 1]))
    0.5
    """
    return _correct(probabilities, labels) / len(labels)


def accuracy_interval(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], _resamples: int
) -> tuple[float, float]:
    """Return the 95 % Wilson interval of the accuracy."""
    return wilson_interval(_correct(probabilities, labels), len(labels))


def _correct(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> int:
    return int((probabilities.argmax(axis=1) == labels).sum())
