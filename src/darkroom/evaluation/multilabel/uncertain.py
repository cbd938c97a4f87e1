"""Between which probabilities a label's decision is called uncertain."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.coverage import confidence_threshold
from darkroom.evaluation.multilabel.thresholds import FEWEST

Bounds = list[list[float] | None]


def uncertain_bounds(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.int8],
    thresholds: NDArray[np.floating],
    *,
    accuracy: float,
) -> Bounds:
    """Return for each label the probabilities [low, high] between which its decision is uncertain.

    Of the images with at least `high` the share `accuracy` has the label, and of those with at most `low`
    that share has it not. It is the method of Geifman and El-Yaniv (2017, "Selective Classification for Deep
    Neural Networks", arXiv:1705.08500), by itself for the yes and for the no of each label. Where no
    probability reaches that share, `high` is 1 or `low` is 0.

    Args:
        probabilities: float [N,L], of images that the model was not trained on.
        labels: int8 [N,L]: 1, 0, or -1 for unknown.
        thresholds: from which each label is given, float [L].
        accuracy: 0 to 1.

    Returns:
        None for a label that fewer than `FEWEST` images have, or have not.

    >>> p = np.linspace(0.05, 0.95, 10)[:, None]
    >>> labels = np.array([0, 0, 0, 0, 1, 0, 1, 1, 1, 1], dtype=np.int8)[:, None]
    >>> [[round(end, 2) for end in uncertain_bounds(p, labels, np.array([0.5]), accuracy=1.0)[0]]]
    [[0.35, 0.65]]
    """
    return [
        _bounds(probabilities[:, label], labels[:, label], float(thresholds[label]), accuracy)
        for label in range(labels.shape[1])
    ]


def _bounds(
    scores: NDArray[np.floating], answers: NDArray[np.int8], threshold: float, accuracy: float
) -> list[float] | None:
    yes, no = answers == 1, answers == 0
    if min(yes.sum(), no.sum()) < FEWEST:
        return None
    given, known = scores >= threshold, answers >= 0
    high, low = 1.0, 0.0
    if (given & known).any():
        found = confidence_threshold(scores[given & known], yes[given & known], accuracy=accuracy)
        high = 1.0 if found is None else found
    if (~given & known).any():
        # falling confidence in a no is rising probability
        found = confidence_threshold(-scores[~given & known], no[~given & known], accuracy=accuracy)
        low = 0.0 if found is None else -found
    return [low, high]


def bounds_array(bounds: Bounds) -> NDArray[np.float64]:
    """Return bounds as float64 [L,2], NaN where a label has none."""
    return np.array([[np.nan, np.nan] if one is None else one for one in bounds], dtype=np.float64)


def uncertain(probabilities: NDArray[np.floating], bounds: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which decisions are uncertain, bool [N,L], by bounds [L,2]; NaN bounds call none so.

    >>> uncertain(np.array([[0.4, 0.6]]), np.array([[0.3, 0.5], [0.3, 0.5]])).tolist()
    [[True, False]]
    """
    return np.asarray((probabilities > bounds[:, 0]) & (probabilities < bounds[:, 1]))
