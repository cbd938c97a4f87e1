"""Figures of the order of each image's labels: ranking loss, coverage, one-error, label-ranking precision."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ranking_figures(scores: NDArray[np.floating], labels: NDArray[np.int8]) -> dict[str, Array]:
    """Return figures of each image's order of labels, float64 [N].

    `ranking_loss`: the share of pairs of a label it has and one it has not whose order is wrong (ties are);
    `coverage`: how many labels, from the highest score on, hold all that it has; `one_error`: whether the
    label of the highest score is none of them; `label_ranking`: the average precision of the order. The
    definitions are those of Tsoumakas, Katakis and Vlahavas 2010 ("Mining multi-label data") and of
    scikit-learn. Where an image has none of the labels the four are 0, 0, NaN and 1; where it has all, 0,
    their number, 0 and 1.

    >>> found = ranking_figures(np.array([[0.9, 0.2, 0.5]]), np.array([[1, 1, 0]], dtype=np.int8))
    >>> {name: value.round(3).tolist() for name, value in found.items()}
    {'ranking_loss': [0.5], 'coverage': [3.0], 'one_error': [0.0], 'label_ranking': [0.833]}
    """
    yes, no = labels == 1, labels == 0
    # [N,i,j]: whether label j has at least the score of label i
    above = scores[:, None, :] >= scores[:, :, None]
    wrong = (above & yes[:, :, None] & no[:, None, :]).sum(axis=(1, 2))
    pairs = yes.sum(axis=1) * no.sum(axis=1)
    known = yes | no
    ranks = (above & known[:, None, :]).sum(axis=2)  # of each label, the worst of equal ones
    among = (above & yes[:, None, :]).sum(axis=2)
    count = yes.sum(axis=1)
    precision = np.where(yes, among / np.maximum(ranks, 1), 0.0).sum(axis=1)
    first = np.where(known, scores, -np.inf).argmax(axis=1)
    return {
        "ranking_loss": np.where(pairs > 0, wrong / np.maximum(pairs, 1), 0.0),
        "coverage": np.where(yes, ranks, 0).max(axis=1).astype(np.float64),
        "one_error": np.where(count > 0, ~yes[np.arange(len(labels)), first], np.nan),
        "label_ranking": np.where(pairs > 0, precision / np.maximum(count, 1), 1.0),
    }
