"""Made folders of images: what people have, and what is wrong with it."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from darkroom.config.data import Data

SETTINGS = {
    "name": "mine",
    "source": "mine",
    "table": "",
    "image": "",
    "label": "",
    "labels": "one",
    "split": "",
    "group": "",
    "validation_fraction": 0.2,
    "test_fraction": 0.2,
    "side": 16,
    "fit": "crop",
    "channels": "auto",
    "smallest_class": 2,
    "unreadable_share": 0.5,
    "duplicates": "together",
    "seed": 0,
    "folds": 0,
}


def settings(**changes: object) -> Data:
    """Return the section `data` for images of one's own, with some values changed."""
    return Data.model_validate(SETTINGS | changes)


def photo(
    seed: int, *, size: tuple[int, int] = (24, 20), kind: str = "PNG", colour: int | None = None
) -> bytes:
    """Return the bytes of an image file: smooth random colours, or one colour channel alone."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    if colour is not None:
        small[..., [channel for channel in range(3) if channel != colour]] //= 8
    file = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(file, kind)
    return file.getvalue()


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below `folder` by their paths; return the folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def colours(folder: Path, *, count: int = 30, start: int = 0, prefix: str = "") -> Path:
    """Write `count` images of each of two classes, red and blue, which a small net tells apart."""
    files = {
        f"{prefix}{name}/{number}.png": photo(1000 * channel + start + number, colour=channel)
        for channel, name in ((0, "red"), (2, "blue"))
        for number in range(count)
    }
    return write_files(folder, files)
