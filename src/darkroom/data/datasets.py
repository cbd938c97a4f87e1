"""Raw files to splits: reading CIFAR-10 and the digits, checking, splitting, describing."""

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from darkroom.data.splits import Split

CIFAR_SIDE = 32
CIFAR_RECORD = 1 + 3 * CIFAR_SIDE * CIFAR_SIDE  # a label byte, then red, green and blue row by row
CIFAR_BATCH = 10_000  # records of each file
DIGITS_TEST_FRACTION = 0.2
DIGITS_TEST_SEED = 0  # not params.seed: the test set stays the same whatever is tried


@dataclass(frozen=True)
class Raw:
    """A data set as published: a part to learn from, a test part, and the names of the classes."""

    learning: Split
    test: Split
    classes: tuple[str, ...]


def read_raw(name: str, folder: Path) -> Raw:
    """Read the data set `name` from its raw files.

    Raises ValueError for data that cannot be: wrong sizes, labels out of range, an empty class.
    """
    readers = {"cifar10": read_cifar10, "digits": read_digits}
    raw = readers[name](folder)
    check_split("learning part", raw.learning, raw.classes)
    check_split("test part", raw.test, raw.classes)
    return raw


def read_cifar10(folder: Path) -> Raw:
    """Read CIFAR-10's binary version (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html)."""
    names = (folder / "batches.meta.txt").read_text(encoding="ascii").split()
    batches = [_read_cifar_batch(folder / f"data_batch_{number}.bin") for number in range(1, 6)]
    learning = Split(
        np.concatenate([batch.images for batch in batches]),
        np.concatenate([batch.labels for batch in batches]),
    )
    return Raw(learning, _read_cifar_batch(folder / "test_batch.bin"), tuple(names))


def _read_cifar_batch(path: Path) -> Split:
    size, expected = path.stat().st_size, CIFAR_BATCH * CIFAR_RECORD
    if size != expected:
        raise ValueError(f"{path} has {size:,} bytes, not {expected:,}: run `dvc repro -f download`")
    records = np.fromfile(path, dtype=np.uint8).reshape(-1, CIFAR_RECORD)
    images = records[:, 1:].reshape(-1, 3, CIFAR_SIDE, CIFAR_SIDE).transpose(0, 2, 3, 1)
    return Split(images, records[:, 0].astype(np.int64))


def read_digits(folder: Path) -> Raw:
    """Read scikit-learn's digits (Alpaydin & Kaynak 1998): 8x8, grey, 0 (paper) to 16 (ink).

    They come out as ink on paper, dark on light, as a photograph of a written digit would.
    """
    path = folder / "digits.csv.gz"
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    if table.ndim != 2 or table.shape[1] != 65 or table[:, :64].min() < 0 or table[:, :64].max() > 16:
        raise ValueError(f"{path} holds a table {table.shape}, not 64 values of 0 to 16 and a label a row")
    images = np.clip(255 - 16 * table[:, :64], 0, 255).astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = table[:, 64].astype(np.int64)
    learning, test = train_test_split(
        np.arange(len(labels)), test_size=DIGITS_TEST_FRACTION, random_state=DIGITS_TEST_SEED, stratify=labels
    )
    learning, test = np.sort(learning), np.sort(test)
    return Raw(
        Split(images[learning], labels[learning]),
        Split(images[test], labels[test]),
        tuple(str(digit) for digit in range(10)),
    )


def check_split(what: str, split: Split, classes: Sequence[str]) -> None:
    """Raise ValueError when labels are out of range or a class has no picture."""
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
        raise ValueError(f"{what}: no picture of {', '.join(empty)} among {len(split):,}")


def split_indices(
    labels: NDArray[np.int64], *, validation_fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of training and of validation: every class in the same share, by `seed`.

    Raises ValueError when a class is too small to have a picture in both.
    """
    try:
        train, validation = train_test_split(
            np.arange(len(labels)), test_size=validation_fraction, random_state=seed, stratify=labels
        )
    except ValueError as error:
        raise ValueError(f"data.validation_fraction={validation_fraction} cannot be kept: {error}") from error
    train, validation = np.sort(train), np.sort(validation)
    if np.intersect1d(train, validation).size or len(train) + len(validation) != len(labels):
        raise AssertionError("the split is not disjoint and complete")
    return train, validation


def manifest(split: Split, source_index: NDArray[np.int64], classes: Sequence[str]) -> pd.DataFrame:
    """Return a row a picture: its place in this split and in the published part, its label and hash."""
    return pd.DataFrame(
        {
            "index": np.arange(len(split)),
            "source_index": source_index,
            "label": split.labels,
            "class": pd.Categorical.from_codes(split.labels, categories=pd.Index(classes)),
            "sha256": [_picture_sha256(image) for image in split.images],
        }
    )


def _picture_sha256(image: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()


def channel_statistics(images: NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel of uint8 [N,H,W,C], on the scale 0 to 1."""
    counts = [
        np.bincount(images[..., channel].reshape(-1), minlength=256) for channel in range(images.shape[-1])
    ]
    values = np.arange(256) / 255
    means, stds = [], []
    for count in counts:  # exact, in integers, whatever the order of the pictures
        mean = float((count * values).sum() / count.sum())
        means.append(mean)
        stds.append(float(np.sqrt((count * (values - mean) ** 2).sum() / count.sum())))
    if min(stds) == 0:
        raise ValueError(
            f"the training pictures have a channel of one value (deviations {stds}): nothing to learn"
        )
    return means, stds


def data_report(
    splits: dict[str, Split], manifests: dict[str, pd.DataFrame], classes: Sequence[str]
) -> dict[str, Any]:
    """Describe the splits: counts, shapes, ranges, classes, exact duplicates within and across."""
    report: dict[str, Any] = {"classes": list(classes), "splits": {}, "duplicates_across": {}}
    for name, split in splits.items():
        hashes = manifests[name]["sha256"]
        report["splits"][name] = {
            "pictures": len(split),
            "shape": list(split.images.shape[1:]),
            "dtype": str(split.images.dtype),
            "range": [int(split.images.min()), int(split.images.max())],
            "per_class": {
                label: int(count)
                for label, count in zip(
                    classes, np.bincount(split.labels, minlength=len(classes)), strict=True
                )
            },
            "duplicates": int(hashes.duplicated().sum()),
        }
    names = list(splits)
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            shared = set(manifests[one]["sha256"]) & set(manifests[other]["sha256"])
            report["duplicates_across"][f"{one}-{other}"] = len(shared)
    return report
