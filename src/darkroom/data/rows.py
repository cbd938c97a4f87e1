"""Rows of an array of images on disk, read when they are needed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CHUNK = 1024  # images copied at once


@dataclass(frozen=True)
class Rows:
    """Some rows of `images` in an order of their own; reading a slice of them copies that slice only.

    Attributes:
        images: uint8 [M,H,W,C], memory-mapped.
        places: of the rows in `images`, int64 [N].

    Example:
        >>> rows = Rows(np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1), np.array([2, 0]))
        >>> len(rows), rows.shape, rows[0:2].reshape(-1).tolist()
        (2, (2, 1, 1, 1), [2, 0])
    """

    images: NDArray[np.uint8]
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of the array that the rows would be."""
        _, height, width, channels = self.images.shape
        return len(self.places), height, width, channels

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return a part of the rows as an array of its own."""
        return np.asarray(self.images[self.places[rows]])

    def copied_to(self, path: Path) -> NDArray[np.uint8]:
        """Write the rows to `path` as a .npy file, in parts; return them memory-mapped."""
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.tmp")
        copy = np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=self.shape)
        for start in range(0, len(self), CHUNK):
            copy[start : start + CHUNK] = self[start : start + CHUNK]
        copy.flush()
        aside.replace(path)
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
