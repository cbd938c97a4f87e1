"""Splitting a data set: a seeded, stratified split, and the manifest of each part."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.label_sets import set_of_row
from darkroom.data.splits import Split


def check_split(what: str, split: Split, classes: Sequence[str]) -> None:
    """Raise ValueError, which calls the split `what`, for labels out of range or a class without images."""
    if not classes or len(set(classes)) != len(classes):
        raise ValueError(f"the classes are {list(classes)}: expected different names")
    low, high = int(split.labels.min(initial=0)), int(split.labels.max(initial=-1))
    if low < 0 or high >= len(classes):
        raise ValueError(
            f"{what}: labels run from {low} to {high}, but there are {len(classes)} classes (from 0)"
        )
    counts = np.bincount(split.labels, minlength=len(classes))
    empty = [name for name, count in zip(classes, counts, strict=True) if count == 0]
    if empty:
        raise ValueError(f"{what}: no image of {', '.join(empty)} among {len(split):,}")


def split_indices(
    labels: NDArray[np.int64], *, validation_fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of training and of validation images, int64, sorted.

    `validation_fraction` (0 to 1) of each class of `labels` int64 [N] validates; `seed` draws which. Raises
    ValueError when a class is too small to have an image in both.

    >>> train, validation = split_indices(np.array([0, 0, 1, 1]), validation_fraction=0.5, seed=0)
    >>> len(train), len(validation), sorted([*train.tolist(), *validation.tolist()])
    (2, 2, [0, 1, 2, 3])
    """
    from sklearn.model_selection import train_test_split  # takes a second to import; one stage splits

    try:
        train, validation = train_test_split(
            np.arange(len(labels)), test_size=validation_fraction, random_state=seed, stratify=labels
        )
    except ValueError as error:
        raise ValueError(f"data.validation_fraction={validation_fraction} is impossible: {error}") from error
    train, validation = np.sort(train), np.sort(validation)
    if np.intersect1d(train, validation).size or len(train) + len(validation) != len(labels):
        raise AssertionError("the split is not disjoint and complete")
    return train, validation


def manifest(split: Split, source_index: NDArray[np.int64], classes: Sequence[str]) -> pd.DataFrame:
    """Return a row for each image: its place in this split and in the published part, its label and hash.

    Of several labels `class` has those that it has, and `unknown` those that are unknown, as JSON lists.
    """
    if split.several:
        sets = [set_of_row(row, classes) for row in split.labels]
        about: dict[str, Any] = {
            "class": [one.text for one in sets],
            "unknown": [one.unknown_text for one in sets],
        }
    else:
        of_class = pd.Categorical.from_codes(split.labels, categories=pd.Index(classes))
        about = {"label": split.labels, "class": of_class}
    return pd.DataFrame(
        {
            "index": np.arange(len(split)),
            "source_index": source_index,
            **about,
            "sha256": [_image_sha256(image) for image in split.images],
        }
    )


def _image_sha256(image: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()
