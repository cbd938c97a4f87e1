"""Balanced accuracy: the mean of the classes' recalls, so that a rare class counts like any other."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.intervals import bootstrap_interval


def balanced_accuracy(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the mean of the recalls, 0..1, of the classes that have images.

    That of a class without images is unknown and left out, as in scikit-learn's `balanced_accuracy_score`; in
    the macro recall it counts as 0.

    >>> probabilities = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.7, 0.3, 0.0]])
    >>> balanced_accuracy(probabilities, np.array([0, 0, 1]))
    0.5
    """
    return _balanced(probabilities.argmax(axis=1) == labels, labels)


def balanced_accuracy_interval(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], resamples: int
) -> tuple[float, float]:
    """Return the 95 % interval, bootstrapped with as many images of each class as there are."""
    correct = probabilities.argmax(axis=1) == labels
    return bootstrap_interval(
        lambda drawn: _balanced(correct[drawn], labels[drawn]), len(labels), resamples, strata=labels
    )


def _balanced(correct: NDArray[np.bool_], labels: NDArray[np.int64]) -> float:
    counts = np.bincount(labels)
    hits = np.bincount(labels, weights=correct)
    return float((hits[counts > 0] / counts[counts > 0]).mean())
