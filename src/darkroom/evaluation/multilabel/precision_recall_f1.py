"""Precision, recall and F1: of each label, their means (CP, CR, CF1), and of all decisions (OP, OR, OF1)."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def label_counts(decisions: NDArray[np.bool_], labels: NDArray[np.int8]) -> dict[str, NDArray[np.int64]]:
    """Return for each label how many images are right, wrongly given it, and missed: int64 [L] each."""
    return {
        "right": (decisions & (labels == 1)).sum(axis=0),
        "wrong": (decisions & (labels == 0)).sum(axis=0),
        "missed": (~decisions & (labels == 1)).sum(axis=0),
    }


def precision_recall_f1(
    right: NDArray[np.int64], wrong: NDArray[np.int64], missed: NDArray[np.int64]
) -> tuple[Array, Array, Array]:
    """Return precision, recall and F1 of counts, each float64 of their shape; 0 where nothing is counted.

    >>> [value.round(2).tolist() for value in precision_recall_f1(np.array(3), np.array(1), np.array(3))]
    [0.75, 0.5, 0.6]
    """
    return (
        share(right, right + wrong),
        share(right, right + missed),
        share(2 * right, 2 * right + wrong + missed),
    )


def per_label(decisions: NDArray[np.bool_], labels: NDArray[np.int8]) -> dict[str, Array]:
    """Return `precision`, `recall` and `f1` of each label, float64 [L]."""
    counts = label_counts(decisions, labels)
    found = precision_recall_f1(counts["right"], counts["wrong"], counts["missed"])
    return dict(zip(("precision", "recall", "f1"), found, strict=True))


def mean_figures(decisions: NDArray[np.bool_], labels: NDArray[np.int8]) -> dict[str, float]:
    """Return `cp`, `cr`, `cf1`, `macro_f1`, `op`, `or`, `of1`, 0 to 1.

    CP and CR are the means of the labels' precisions and recalls, CF1 is the harmonic mean of these two, as
    in Chen et al. 2019 (arXiv:1904.03582), and macro F1 the mean of the labels' F1; OP, OR and OF1, which is
    micro F1, count all decisions together. A label that no image has is in no mean.

    >>> decisions = np.array([[True, False], [True, True]])
    >>> found = mean_figures(decisions, np.array([[1, 0], [0, 1]], dtype=np.int8))
    >>> found["cp"], found["cr"], round(found["of1"], 3)
    (0.75, 1.0, 0.8)
    """
    counts = label_counts(decisions, labels)
    there = (labels == 1).any(axis=0)
    each = per_label(decisions, labels)
    cp, cr, macro = (
        float(each[name][there].mean()) if there.any() else 0.0 for name in ("precision", "recall", "f1")
    )
    overall = precision_recall_f1(*(counts[name].sum() for name in ("right", "wrong", "missed")))
    op, orr, of1 = (float(value) for value in overall)
    return {
        "cp": cp,
        "cr": cr,
        "cf1": 2 * cp * cr / (cp + cr) if cp + cr else 0.0,
        "macro_f1": macro,
        "op": op,
        "or": orr,
        "of1": of1,
    }


def top(scores: NDArray[np.floating], count: int) -> NDArray[np.bool_]:
    """Return the decisions that give each image its `count` labels of the highest scores, bool [N,L].

    >>> top(np.array([[0.1, 0.7, 0.4]]), 2).tolist()
    [[False, True, True]]
    """
    chosen = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    decisions = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(decisions, chosen, True, axis=1)
    return decisions


def share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Array:
    """Return one count as a share of another, 0 where that is 0."""
    whole = np.asarray(whole)
    return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1), 0.0), dtype=np.float64)
