"""Small splits and folders of corrections to merge into them."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.data.corrections.merging import MergedCorrections, merge_corrections
from darkroom.data.corrections.reading import read_corrections
from darkroom.data.splits import Split

CLASSES = ("cat", "dog")
SHAPE: dict[str, Any] = {"height": 32, "width": 32, "channels": 3}


def blocks(seed: int, size: int = 32) -> NDArray[np.uint8]:
    """Return random blocks: unlike any other image, and recognisable after resizing."""
    small = np.random.default_rng(seed).integers(0, 256, (size // 4, size // 4, 3), dtype=np.uint8)
    return small.repeat(4, axis=0).repeat(4, axis=1)


def splits() -> dict[str, Split]:
    """Return six images for each split, all different."""
    return {
        name: Split(np.stack([blocks(10 * part + n) for n in range(6)]), np.arange(6) % 2)
        for part, name in enumerate(("train", "validation", "test"), 1)
    }


def put_correction(folder: Path, content: bytes, label: str = "cat", suffix: str = ".png") -> str:
    """Write an image into the folder of a class; return its SHA-256."""
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / label / (sha256 + suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return sha256


def merge_folder(folder: Path, *, mirror: bool = True, similarity: float = 0.9) -> MergedCorrections:
    """Merge the corrections in a folder into `splits()`."""
    found = read_corrections(folder, CLASSES, **SHAPE)
    return merge_corrections(found, splits(), CLASSES, similarity=similarity, mirror=mirror)


def outcomes(merged: MergedCorrections) -> dict[str, str]:
    """Return the outcome of each correction by its SHA-256."""
    return dict(zip(merged.outcomes["sha256"], merged.outcomes["outcome"], strict=True))
