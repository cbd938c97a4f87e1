"""Folds of a cross-validation: every class in each of them, and images that depend on each other in one."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import UserError
from darkroom.data.scan.duplicates import connected, equal_pairs
from darkroom.data.splits import Split, open_split, split_sha256


@dataclass(frozen=True)
class Divided:
    """Training and validation images, divided into folds.

    Attributes:
        train: the training images.
        validation: the validation images.
        rows: a row for each image, those of `train` first: `split`, `index` in it, `path` (of images of one's
            own), `label` (its number) and `unit`.
        folds: of each image, int64 [N], from 0.
        sha256: of the two splits and of the division.
    """

    train: Split
    validation: Split
    rows: pd.DataFrame
    folds: NDArray[np.int64]
    sha256: tuple[str, str, str]


def read_divided(data: Path, *, first: int, folds: int, classes: Sequence[str], seed: int) -> Divided:
    """Divide the training and validation images in the folder `data`; the test images are not read.

    `first` is how many training images are used, the first ones; 0 is all. The others are as in `divide`,
    which may raise UserError.
    """
    train, validation = open_split(data / "train").first(first), open_split(data / "validation")
    tables = []
    for name, split in (("train", train), ("validation", validation)):
        manifest = pd.read_parquet(data / name / "manifest.parquet").head(len(split))
        tables.append(manifest.assign(split=name))
    table = pd.concat(tables, ignore_index=True)
    columns = ["split", "index", *(["path"] if "path" in table else []), "label"]
    rows = table[columns].assign(unit=units_of(table))
    labels, units = rows["label"].to_numpy(dtype=np.int64), rows["unit"].to_numpy(dtype=np.int64)
    fold = divide(labels, units, folds=folds, classes=classes, seed=seed)
    division = hashlib.sha256(np.stack([units, fold]).tobytes()).hexdigest()
    sha256 = (split_sha256(data / "train"), split_sha256(data / "validation"), division)
    return Divided(train, validation, rows, fold, sha256)


def units_of(manifest: pd.DataFrame) -> NDArray[np.int64]:
    """Return a number for each image, int64 [N]: images with the same one must be in one fold.

    Images are in one unit where their column `unit` has the same name (copies and groups of images of one's
    own; empty for a correction, which has none), or where their pixels (`sha256`) are equal.

    >>> manifest = pd.DataFrame({"sha256": list("abcad"), "unit": ["1", "2", "2", "", ""]})
    >>> units_of(manifest).tolist()
    [0, 1, 1, 0, 2]
    """
    pairs = [*equal_pairs(manifest["sha256"])]
    if "unit" in manifest:
        places = np.flatnonzero(manifest["unit"] != "")
        named = manifest["unit"].iloc[places]
        pairs += [(int(places[one]), int(places[other])) for one, other in equal_pairs(named)]
    return connected(len(manifest), pairs)


def divide(
    labels: NDArray[np.int64], units: NDArray[np.int64], *, folds: int, classes: Sequence[str], seed: int
) -> NDArray[np.int64]:
    """Return the fold of each image, int64 [N], from 0.

    Folds are about equally large and have about the same share of each class, as far as units can be divided
    so. The method is scikit-learn's StratifiedGroupKFold.

    Args:
        labels: int64 [N].
        units: as `units_of` returns; images of one unit are in one fold.
        folds: how many, 2 or more.
        classes: their names, by label.
        seed: draws which images are in which fold.

    Raises UserError where there are fewer units than folds, or where a class is in one fold alone: the
    net that is tested on it would never have seen it.

    >>> divide(np.array([0, 1] * 4), np.arange(8) // 2, folds=2, classes=["a", "b"], seed=0).tolist()
    [1, 1, 0, 0, 0, 0, 1, 1]
    """
    from sklearn.model_selection import StratifiedGroupKFold  # takes a second to import; few runs have folds

    count = len(np.unique(units))
    if count < folds:
        raise UserError(
            f"data.folds is {folds}, but the training and validation images make {count} units (images of "
            f"one group, and copies, are one): set data.folds={count if count > 1 else 0}"
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = np.empty(len(labels), dtype=np.int64)
    with warnings.catch_warnings():
        # that a class has fewer images than there are folds: then some folds have none of it
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        try:
            for number, (_, held_out) in enumerate(splitter.split(labels, labels, units)):
                fold[held_out] = number
        except ValueError as error:  # every class has fewer images than there are folds
            raise UserError(f"data.folds is {folds}: {error}; set data.folds to fewer, or 0") from error
    for label, name in enumerate(classes):
        if len(np.unique(fold[labels == label])) == 1:
            of_class = len(np.unique(units[labels == label]))
            raise UserError(
                f"data.folds is {folds}, but all images of class {name!r} are in one fold, whose net could "
                f"not learn it: they make {of_class} unit(s) (images of one group, and copies, are one). Add "
                "images of that class, or set data.folds=0"
            )
    return fold
