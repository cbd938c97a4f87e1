"""A split of the data on disk: images as a memory-mapped array, labels, and a manifest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.files import atomic_write, folder_aside, read_json, sha256_files, write_array

JOIN_CHUNK = 4096  # images copied at once


@dataclass(frozen=True)
class Split:
    """Images uint8 [N,H,W,C] and their labels.

    Attributes:
        images: uint8 [N,H,W,C].
        labels: int64 [N], the class of each image; of several labels int8 [N,classes]: 1 it has the label, 0
            it has not, -1 unknown.
    """

    images: NDArray[np.uint8]
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def several(self) -> bool:
        """Whether each image may have several labels."""
        return self.labels.ndim == 2

    def first(self, count: int) -> "Split":
        """Return the first `count` images; all of them when `count` is 0."""
        return self if count == 0 else Split(self.images[:count], self.labels[:count])


@dataclass(frozen=True)
class Meta:
    """What every stage must know about a data set.

    Attributes:
        name: of its source.
        classes: names of the classes, by label.
        height: of the images, in pixels.
        width: of the images, in pixels.
        channels: of the images.
        mean: of each channel of the training images, on a scale of 0 to 1.
        std: standard deviation of each channel of the training images.
        test_sha256: hash of the test images and labels.
        tree: data/meta.json as it was read.
        fit: how images of another aspect ratio are brought to this shape, as in `to_model_input`.
        several: whether an image may have several of the classes, or none.
    """

    name: str
    classes: tuple[str, ...]
    height: int
    width: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    test_sha256: str
    tree: dict[str, Any]
    fit: str = "crop"
    several: bool = False


def write_split(folder: Path, split: Split, manifest: pd.DataFrame) -> None:
    """Write a split and its manifest into `folder`, which is replaced."""
    with folder_aside(folder) as aside:
        write_array(aside / "images.npy", np.ascontiguousarray(split.images))
        write_array(aside / "labels.npy", split.labels)
        with atomic_write(aside / "manifest.parquet") as file:
            manifest.to_parquet(file, index=False)


def join_splits(folder: Path, splits: Sequence[Split]) -> None:
    """Write several splits as one into `folder`, in chunks: together they may be larger than memory."""
    rows = sum(len(split) for split in splits)
    labels = np.concatenate([split.labels for split in splits])
    header = {"descr": "|u1", "fortran_order": False, "shape": (rows, *splits[0].images.shape[1:])}
    with folder_aside(folder) as aside:
        # not a memory-mapped array: a full disk would end the process by SIGBUS, without a message
        with atomic_write(aside / "images.npy") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for split in splits:
                for start in range(0, len(split), JOIN_CHUNK):
                    file.write(split.images[start : start + JOIN_CHUNK].tobytes())
        write_array(aside / "labels.npy", labels)


def open_split(folder: Path) -> Split:
    """Open a split; its images stay on disk until they are used.

    Raises FileNotFoundError that names the stage to run, and ValueError for arrays of another kind.
    """
    for part in ("images.npy", "labels.npy"):
        if not (folder / part).is_file():
            raise FileNotFoundError(f"{folder / part} is missing: run `dvc repro preprocess` first")
    images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
    labels = np.load(folder / "labels.npy", allow_pickle=False)
    sets = labels.ndim == 2 and labels.dtype == np.int8
    if (
        images.dtype != np.uint8
        or images.ndim != 4
        or labels.shape != (len(images), *labels.shape[1:][:sets])
    ):
        raise ValueError(
            f"{folder} holds images {images.dtype} {images.shape} and labels {labels.dtype} {labels.shape}; "
            "expected uint8 [N,H,W,C], and [N] or int8 [N,classes]: run `dvc repro -f preprocess`"
        )
    return Split(images, labels)


def read_meta(path: Path) -> Meta:
    """Read data/meta.json."""
    tree = read_json(path)
    return Meta(
        name=tree["name"],
        classes=tuple(tree["classes"]),
        height=tree["height"],
        width=tree["width"],
        channels=tree["channels"],
        mean=tuple(tree["mean"]),
        std=tuple(tree["std"]),
        test_sha256=tree["test_sha256"],
        tree=tree,
        fit=tree.get("fit", "crop"),
        several=tree.get("labels") == "several",
    )


def split_sha256(folder: Path) -> str:
    """Return one SHA-256 for the images and labels of the split in `folder`."""
    return sha256_files([folder / "images.npy", folder / "labels.npy"], folder)
