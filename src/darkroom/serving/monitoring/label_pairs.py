"""What drift watches of several labels: how often each is given, and which are given together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..prediction.runtime import Prediction
from .counts import Array
from .drift_score import WINDOW

MAX_PAIRS = 200  # the most frequent; all pairs of hundreds of labels would be mostly chance


@dataclass(frozen=True)
class Labels:
    """The labels of a reference.

    Attributes:
        given_from: the probability from which an image is given each label, `[K]`.
        pairs: that are watched, as numbers of labels, int `[P, 2]`.
        together: share of the reference images that are given both labels of each pair, `[P]`.
    """

    given_from: Array
    pairs: NDArray[np.int64]
    together: Array

    def with_given(self, rows: NDArray[np.float32], prediction: Prediction) -> NDArray[np.float32]:
        """Return rows `[N, columns]` with 1 for each label that the images are given at their end, else 0."""
        given = prediction.probabilities >= self.given_from
        return np.concatenate([rows, given.astype(np.float32)], axis=1)


def watched_labels(prediction: Prediction, given_from: Array) -> Labels:
    """Return what is watched of the labels of reference images, from the model's prediction on them.

    Watched are pairs of labels that would be given together in one image of a window at least, if they did
    not depend on each other, or that are: of rarer ones a window says nothing. Of more than `MAX_PAIRS` these
    are the most frequent.

    >>> both = np.array([[0.9, 0.8, 0.0]] * 6 + [[0.1, 0.1, 0.0]] * 4, dtype=np.float32)
    >>> found = watched_labels(Prediction(both, None, None), np.full(3, 0.5))
    >>> found.pairs.tolist(), found.together.round(1).tolist()
    ([[0, 1]], [0.6])
    """
    given = (prediction.probabilities >= given_from).astype(np.float64)
    shares, together = given.mean(axis=0), given.T @ given / len(given)
    expected = np.maximum(np.outer(shares, shares), together)
    first, second = np.triu_indices(len(shares), k=1)
    size = expected[first, second]
    kept = np.argsort(-size, kind="stable")[:MAX_PAIRS]
    kept = np.sort(kept[size[kept] * WINDOW >= 1])
    pairs = np.stack([first[kept], second[kept]], axis=1).astype(np.int64)
    return Labels(np.asarray(given_from, dtype=np.float64), pairs, together[pairs[:, 0], pairs[:, 1]])
