"""Thresholds of each label: from which score on an image is said to have it."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Rule = Literal["half", "f1"]
HALF = 0.5
FEWEST = 5  # images with a label, and without it: with fewer its threshold would be one image's score


def best_f1_threshold(scores: NDArray[np.floating], labels: NDArray[np.int8]) -> float:
    """Return the threshold of the highest F1 of one label: scores [N] of at least it are a yes.

    Every threshold that divides the scores otherwise is tried; it lies halfway between two scores, the
    highest below the lowest score where all are a yes. Of equally good ones the highest is taken. NaN where
    no image is known to have the label.

    >>> best_f1_threshold(np.array([0.1, 0.4, 0.6, 0.9]), np.array([0, 1, 0, 1], dtype=np.int8))
    0.25
    """
    known = labels >= 0
    scores, yes = np.asarray(scores[known], dtype=np.float64), labels[known] == 1
    if not yes.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order], yes[order].cumsum()
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    f1 = 2 * right[ends] / (ends + 1 + yes.sum())
    best = int(ends[f1.argmax()])
    below = ranked[best + 1] if best + 1 < len(ranked) else min(ranked[best] - 1e-6, 0.0)
    return float((ranked[best] + below) / 2)


def fit_thresholds(
    probabilities: NDArray[np.floating], labels: NDArray[np.int8], *, rule: Rule
) -> NDArray[np.float64]:
    """Return the threshold of each label, float64 [L], 0 to 1.

    `half` is 0.5 for each; `f1` is that of the highest F1 on these images, and 0.5 for a label that fewer
    than `FEWEST` images have, or have not. They must be images that the model was not trained on.
    """
    thresholds = np.full(labels.shape[1], HALF)
    if rule == "half":
        return thresholds
    for label in range(labels.shape[1]):
        answers = labels[:, label]
        if min((answers == 1).sum(), (answers == 0).sum()) >= FEWEST:
            thresholds[label] = np.clip(best_f1_threshold(probabilities[:, label], answers), 0.0, 1.0)
    return thresholds


def decide(probabilities: NDArray[np.floating], thresholds: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return the decisions bool [N,L]: whether each probability is at least its label's threshold."""
    return np.asarray(probabilities >= thresholds)
