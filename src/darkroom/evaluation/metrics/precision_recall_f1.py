"""Precision, recall and F1, averaged over the classes: macro (all alike) or weighted by their images.

Where a share is undefined (the precision of a class that is never predicted, the recall and F1 of a
class without images) it is 0, as is scikit-learn's custom, and counts as 0 in the averages.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.intervals import bootstrap_interval

Average = Literal["macro", "weighted"]
Counts = NDArray[np.int64]
# images of each class, how many are predicted as it and how many of these are: each class's score
Scores = Callable[[Counts, Counts, Counts], NDArray[np.float64]]


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


def precision_interval(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], resamples: int, *, average: Average
) -> tuple[float, float]:
    """Return the bootstrapped 95 % interval of the average precision."""
    return _interval(probabilities, labels, resamples, average, _precisions)


def recall_interval(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], resamples: int, *, average: Average
) -> tuple[float, float]:
    """Return the bootstrapped 95 % interval of the average recall."""
    return _interval(probabilities, labels, resamples, average, _recalls)


def f1_interval(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], resamples: int, *, average: Average
) -> tuple[float, float]:
    """Return the bootstrapped 95 % interval of the average F1."""
    return _interval(probabilities, labels, resamples, average, _f1s)


def _scores(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], average: Average
) -> tuple[float, float, float]:
    from sklearn.metrics import precision_recall_fscore_support  # takes half a second to import

    size, predicted = probabilities.shape[1], probabilities.argmax(axis=1)
    scores = precision_recall_fscore_support(
        labels, predicted, labels=range(size), average=average, zero_division=0
    )
    return float(scores[0]), float(scores[1]), float(scores[2])


def _interval(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    resamples: int,
    average: Average,
    scores: Scores,
) -> tuple[float, float]:
    """Return the bootstrapped interval of an average over the classes.

    Macro averages are drawn with as many images of each class as there are: a class that a draw has none of
    would count as 0. The resamples count confusions themselves: scikit-learn's function checks its arguments
    for milliseconds, and it would be called a thousand times.
    """
    size = probabilities.shape[1]
    cells = labels * size + probabilities.argmax(axis=1)

    def averaged(drawn: NDArray[np.int64]) -> float:
        counts = np.bincount(cells[drawn], minlength=size * size).reshape(size, size)
        actual, predicted, correct = counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
        values = scores(actual, predicted, correct)
        return float(values.mean() if average == "macro" else (values * actual).sum() / actual.sum())

    strata = labels if average == "macro" else None
    return bootstrap_interval(averaged, len(labels), resamples, strata=strata)


def _precisions(_actual: Counts, predicted: Counts, correct: Counts) -> NDArray[np.float64]:
    return np.asarray(correct / np.maximum(predicted, 1))


def _recalls(actual: Counts, _predicted: Counts, correct: Counts) -> NDArray[np.float64]:
    return np.asarray(correct / np.maximum(actual, 1))


def _f1s(actual: Counts, predicted: Counts, correct: Counts) -> NDArray[np.float64]:
    return np.asarray(2 * correct / np.maximum(actual + predicted, 1))
