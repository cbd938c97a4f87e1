"""A data report on made images: shapes that the code draws, with faults that are planted among them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from darkroom.data.splits import Split
from darkroom.reporting.data_report.inputs import Data, Inspection
from darkroom.reporting.data_report.report import inspect

SIDE = 40
PARTS = ("train", "validation", "test")


def shape(corners: int, random: np.random.Generator, side: int = SIDE) -> NDArray[np.uint8]:
    """Draw a regular polygon of any colour, size and place; return it as uint8 [side,side,3]."""
    ground = random.integers(20, 100, (5, 5, 3), dtype=np.uint8)
    image = Image.fromarray(ground).resize((4 * side, 4 * side), Image.Resampling.BICUBIC)
    x, y = random.uniform(1.6, 2.4, 2) * side
    radius, turn = random.uniform(0.9, 1.4) * side, random.uniform(-0.2, 0.2)
    angles = [turn + 2 * math.pi * corner / corners for corner in range(corners)]
    points = [(x + radius * math.sin(angle), y - radius * math.cos(angle)) for angle in angles]
    ImageDraw.Draw(image).polygon(points, fill=tuple(int(value) for value in random.integers(130, 240, 3)))
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))


def shapes_report(names: Sequence[str], *, training: int, held_out: int = 2) -> Inspection:
    """Return the report on polygons of 3 corners and more, one class for each number of them.

    Planted faults: wrong labels, a leak, a class with another type of file, black images, and files left out.

    Args:
        names: of the classes.
        training: images of each class, at least 2.
        held_out: validation images of each class, and as many test images.
    """
    random = np.random.default_rng(0)
    splits: dict[str, Split] = {}
    manifests: dict[str, pd.DataFrame] = {}
    rows: list[dict[str, Any]] = []
    for part in PARTS:
        labels = np.repeat(np.arange(len(names)), training if part == "train" else held_out)
        images = np.stack([shape(3 + int(label) % 6, random) for label in labels])
        if part == "train":
            images[1] = 3
            leak = images[0]
        if part == "test":
            images[0] = leak
        numbers = random.permutation(len(labels))
        paths = [
            f"{part}/{names[int(label)]}/{number}.jpg" for number, label in zip(numbers, labels, strict=True)
        ]
        for path, label, image in zip(paths, labels, images, strict=True):
            facts = {"path": path, "size": 900, "width": 640, "height": 480, "mode": "RGB"}
            facts |= {"format": "PNG" if label == 0 else "JPEG", "orientation": 1, "unit": len(rows)}
            looks = {"brightness": float(image.mean()), "contrast": float(image.std()), "sharpness": 500.0}
            rows.append(facts | looks | {"phash": "", "group": "", "given": ""})
        manifests[part] = pd.DataFrame({"sha256": paths, "path": paths})
        if part == "train" and training > 40:
            labels[[5, training + 7]] = labels[[training + 7, 5]]
        splits[part] = Split(images, labels)
    left_out = pd.DataFrame(
        [
            (f"{names[0]}/{'a very long name of a folder ' * 4}/scan.jpg", 900, names[0], "truncated JPEG"),
            (f"{names[1]}/Thumbs.db", 20, names[1], "its name does not end as that of an image"),
        ],
        columns=["path", "size", "label", "reason"],
    )
    made = Data(
        name="shapes",
        classes=tuple(names),
        splits=splits,
        manifests=manifests,
        scanned=pd.DataFrame(rows),
        left_out=left_out,
        notes=["4 images were moved out of their given split: they are copies of images in another one."],
    )
    batches = {"the first epoch": splits["train"].images[:16]}
    return inspect(made, batches, similarity=0.95, mirror=False)
