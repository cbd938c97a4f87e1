"""Precision, recall and F1, averaged over the classes: macro (all alike) or weighted by their images.

Where a share is undefined (the precision of a class that is never predicted, the recall and F1 of a
class without images) it is 0, as is scikit-learn's custom, and counts as 0 in the averages.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from darkroom.evaluation.intervals import bootstrap_interval

Average = Literal["macro", "weighted"]


def precision(probabilities: NDArray[np.float64], labels: NDArray[np.int64], *, average: Average) -> float:
    """Return the mean over the classes of: of the images predicted as the class, the share that are.

    >>> precision(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1]), average="macro")
    0.25
    """
    return _scores(probabilities, labels, average)[0]


def recall(probabilities: NDArray[np.float64], labels: NDArray[np.int64], *, average: Average) -> float:
    """Return the mean over the classes of: of the images of the class, the share predicted as it.

    >>> recall(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1]), average="macro")
    0.5
    """
    return _scores(probabilities, labels, average)[1]


def f1(probabilities: NDArray[np.float64], labels: NDArray[np.int64], *, average: Average) -> float:
    """Return the mean over the classes of the harmonic mean of precision and recall.

    >>> round(f1(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1]), average="macro"), 4)
    0.3333
    """
    return _scores(probabilities, labels, average)[2]


def f1_interval(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], resamples: int, *, average: Average
) -> tuple[float, float]:
    """Return the bootstrapped 95 % interval of the average F1.

    The resamples count confusions themselves: scikit-learn's function checks its arguments for
    milliseconds, and it would be called a thousand times.
    """
    size = probabilities.shape[1]
    cells = labels * size + probabilities.argmax(axis=1)
    return bootstrap_interval(_f1_of_cells(cells, size, average), len(labels), resamples)


def _scores(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], average: Average
) -> tuple[float, float, float]:
    size, predicted = probabilities.shape[1], probabilities.argmax(axis=1)
    scores = precision_recall_fscore_support(
        labels, predicted, labels=range(size), average=average, zero_division=0
    )
    return float(scores[0]), float(scores[1]), float(scores[2])


def _f1_of_cells(
    cells: NDArray[np.int64], size: int, average: Average
) -> Callable[[NDArray[np.int64]], float]:
    """Return a function of drawn images: the average F1 of their cells of the confusion matrix."""

    def average_f1(drawn: NDArray[np.int64]) -> float:
        counts = np.bincount(cells[drawn], minlength=size * size).reshape(size, size)
        actual, predicted, correct = counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
        values = 2 * correct / np.maximum(actual + predicted, 1)
        return float(values.mean() if average == "macro" else (values * actual).sum() / actual.sum())

    return average_f1
