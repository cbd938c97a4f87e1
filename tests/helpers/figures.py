"""Tables to draw figures of, and checks of the pixels of a figure."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from darkroom.evaluation.intervals import wilson_interval

BLUE, ORANGE, PALE, BAND = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0x8F, 0xC1, 0xE0), (0xBC, 0xD9, 0xEC)
NAMES = ["airplane", "a|b_$x$", "a name that is far too long to be shown whole"]


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """Read a PNG and check what holds for all figures."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"))
    height, width, _ = pixels.shape
    assert 1000 <= width <= 4000
    assert 200 <= height <= 5000
    assert pixels.std() > 1
    assert (pixels[0, 0] == 255).all(), "the paper is white"
    assert sorted(other.name for other in path.parent.iterdir()) == [path.name], "nothing left aside"
    return pixels


def is_colour(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return which pixels have a colour, [H,W]."""
    return np.asarray(np.abs(pixels.astype(int) - colour).max(axis=2) <= 3)


def count_pixels(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    """Return how many pixels have a colour."""
    return int(is_colour(pixels, colour).sum())


def middle_of(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> tuple[float, float]:
    """Return the mean row and column of the pixels of a colour; the legend below is left out."""
    rows, columns = np.nonzero(is_colour(pixels[:-100], colour))
    assert len(rows) > 50
    return float(rows.mean()), float(columns.mean())


def learning_curve(epochs: int) -> pd.DataFrame:
    """Return a curve of that many epochs, as reports/curve.csv."""
    epoch = np.arange(1, epochs + 1)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "train_loss": 2.0 / epoch,
            "train_accuracy": 1 - 0.6 / epoch,
            "validation_loss": 2.1 / epoch,
            "validation_accuracy": 1 - 0.7 / epoch,
            "learning_rate": 0.1 / epoch,
        }
    )


def class_table(recalls: list[float], support: int = 100) -> pd.DataFrame:
    """Return a table of classes with these recalls, as `per_class_table`."""
    return pd.DataFrame(
        {
            "class": [f"class {place}" for place in range(len(recalls))],
            "precision": [0.5] * len(recalls),
            "recall": recalls,
            "f1": recalls,
            "support": [support] * len(recalls),
            "recall_low": [max(0.0, value - 0.05) for value in recalls],
            "recall_high": [min(1.0, value + 0.05) for value in recalls],
        }
    )


def accuracy_columns(correct: list[int], images: int) -> dict[str, Any]:
    """Return the columns of rows with so many correct images of `images`."""
    intervals = [wilson_interval(number, images) for number in correct]
    return {
        "images": [images] * len(correct),
        "accuracy": [number / images for number in correct],
        "accuracy_low": [low for low, _ in intervals],
        "accuracy_high": [high for _, high in intervals],
    }


def reliability_bins(correct: list[int], images: int = 100) -> pd.DataFrame:
    """Return as many bins, from just above 0 up to 1, each with its mean confidence in its middle."""
    edges = np.linspace(0, 1, len(correct) + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    ends = {"low": edges[:-1], "high": edges[1:], "confidence": middle}
    return pd.DataFrame(ends | accuracy_columns(correct, images))


def selective_curve(rows: int) -> pd.DataFrame:
    """Return a coverage curve of that many rows."""
    threshold = np.linspace(0.1, 0.99, rows)
    coverage = np.linspace(1, 0.02, rows)
    return pd.DataFrame({"threshold": threshold, "coverage": coverage, "accuracy": 1 - 0.1 * coverage**2})


def corruption_table(names: list[str], images: int = 1000) -> pd.DataFrame:
    """Return five strengths of each of these corruptions."""
    correct = [round(images * (0.95 - 0.12 * strength)) for strength in range(1, 6)]
    rows = pd.DataFrame({"strength": range(1, 6)} | accuracy_columns(correct, images))
    return pd.concat([rows.assign(corruption=name) for name in names])


def slice_table(classes: int, images: int = 100) -> pd.DataFrame:
    """Return slices by class, brightness and confidence."""
    correct = [round(images * (0.5 + 0.5 * place / classes)) for place in range(1, classes + 1)]
    parts = [pd.DataFrame({"slice": "class"} | accuracy_columns(correct, images))]
    parts += [
        pd.DataFrame({"slice": name} | accuracy_columns([70] * 5, 100))
        for name in ("brightness", "confidence")
    ]
    table = pd.concat(parts)
    return table.assign(group=[f"group {place}" for place in range(len(table))])
