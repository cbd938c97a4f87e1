"""The check of probabilities and labels that every metric and table relies on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUM_TOLERANCE = 1e-3  # float32 rows of a thousand classes stay well within it; logits do not


def checked_probabilities(
    probabilities: NDArray[Any], labels: NDArray[Any], classes: Sequence[str] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return both arrays as float64 [N,K] and int64 [N].

    >>> checked, labels = checked_probabilities(np.array([[0.25, 0.75]], dtype=np.float32), np.array([1]))
    >>> checked.dtype, labels.dtype
    (dtype('float64'), dtype('int64'))

    Args:
        probabilities: float [N,K], N and K at least 1, each row finite, not negative and summing to 1.
        labels: integers [N] within 0..K-1.
        classes: the K names, all different; None where there are none to check.

    Raises:
        ValueError: an argument is not as described; the message has the first bad value and its place.
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 2 or labels.ndim != 1 or len(probabilities) != len(labels):
        raise ValueError(
            "probabilities must have the shape [images, classes] and labels [images], "
            f"got {list(probabilities.shape)} and {list(labels.shape)}"
        )
    if probabilities.size == 0:
        raise ValueError(f"there is nothing to measure: the probabilities are {list(probabilities.shape)}")
    if classes is not None:
        _require_class_names(classes, columns=probabilities.shape[1])
    _require_labels(labels, columns=probabilities.shape[1])
    wide = probabilities.astype(np.float64)
    _require_distributions(wide)
    return wide, labels.astype(np.int64)


def _require_class_names(classes: Sequence[str], *, columns: int) -> None:
    if len(classes) != columns:
        raise ValueError(f"{len(classes)} class names do not fit probabilities of {columns} classes")
    twice = sorted({name for name in classes if list(classes).count(name) > 1})
    if twice:
        raise ValueError(f"class names must differ, got more than once: {', '.join(twice)}")


def _require_labels(labels: NDArray[Any], *, columns: int) -> None:
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers, got {labels.dtype}")
    bad = np.flatnonzero((labels < 0) | (labels >= columns))
    if bad.size:
        raise ValueError(
            f"labels must be 0 to {columns - 1}, got {labels[bad[0]]} at {bad[0]} ({bad.size} such)"
        )


def _require_distributions(rows: NDArray[np.float64]) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        raise ValueError(f"row {bad[0]} of the probabilities is not finite: {_row(rows[bad[0]])}")
    bad = np.flatnonzero((rows < 0).any(axis=1))
    if bad.size:
        raise ValueError(
            f"row {bad[0]} of the probabilities holds {rows[bad[0]].min():g}: none may be negative "
            "(are these logits?)"
        )
    sums = rows.sum(axis=1)
    bad = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if bad.size:
        raise ValueError(f"row {bad[0]} of the probabilities sums to {sums[bad[0]]:g} instead of 1")


def _row(row: NDArray[np.float64]) -> str:
    """Return the first values of a row, for a message."""
    return "[" + ", ".join(f"{value:g}" for value in row[:8]) + (", …]" if len(row) > 8 else "]")
