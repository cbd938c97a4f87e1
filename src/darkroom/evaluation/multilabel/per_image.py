"""Figures of each image's set of labels: precision, recall, F1, F2, exact match, Hamming loss."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def image_figures(decisions: NDArray[np.bool_], labels: NDArray[np.int8]) -> dict[str, Array]:
    """Return figures of each image's set, float64 [N]: `precision`, `recall`, `f1`, `f2`, `exact`, `hamming`.

    F2 weighs recall four times as much as precision. An image without any label is right, 1, where it is
    given none, and 0 otherwise. `exact` is whether all known labels are right, `hamming` the share of them
    that are wrong.

    >>> decisions = np.array([[True, True, False], [False, False, False]])
    >>> labels = np.array([[1, 0, 0], [0, 0, -1]], dtype=np.int8)
    >>> found = image_figures(decisions, labels)
    >>> {name: found[name].round(2).tolist() for name in ("precision", "f1", "f2", "hamming")}
    {'precision': [0.5, 1.0], 'f1': [0.67, 1.0], 'f2': [0.83, 1.0], 'hamming': [0.33, 0.0]}
    """
    right = (decisions & (labels == 1)).sum(axis=1)
    wrong = (decisions & (labels == 0)).sum(axis=1)
    missed = (~decisions & (labels == 1)).sum(axis=1)
    known = (labels >= 0).sum(axis=1)
    nothing = (right + missed == 0) & (wrong == 0)
    figures = {
        "precision": _share(right, right + wrong),
        "recall": _share(right, right + missed),
        "f1": _share(2 * right, 2 * right + wrong + missed),
        "f2": _share(5 * right, 5 * right + wrong + 4 * missed),
    }
    figures = {name: np.where(nothing, 1.0, value) for name, value in figures.items()}
    return {
        **figures,
        "exact": (wrong + missed == 0).astype(np.float64),
        "hamming": _share(wrong + missed, known),
    }


def exact(decisions: NDArray[np.bool_], labels: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return whether all known labels of each image are right, bool [N]."""
    return np.asarray(((decisions == (labels == 1)) | (labels < 0)).all(axis=1))


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Array:
    return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1), 0.0), dtype=np.float64)
