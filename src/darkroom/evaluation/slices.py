"""Slices: accuracy on parts of the test set, by class, brightness and confidence."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.splits import Split
from darkroom.evaluation.intervals import accuracy_with_interval

BRIGHTNESS_PARTS = 5  # with as many images each
CONFIDENCE_EDGES = (0.0, 0.5, 0.7, 0.9, 0.99, 1.0)


def slices_table(
    split: Split, *, confidence: NDArray[np.float32], correct: NDArray[np.bool_], classes: Sequence[str]
) -> pd.DataFrame:
    """Return a row a part of `split`.

    Its columns are `slice` (what it is cut by), `group`, and those of `accuracy_with_interval`.
    The brightness, an image's mean pixel value, is cut into five parts with as many images each.

    Args:
        split: N images.
        confidence: the probability of the predicted class, float [N]; cut at 0.5, 0.7, 0.9 and 0.99.
        correct: whether that class is the label, bool [N].
        classes: the names of all classes.
    """
    groups = [("class", name, split.labels == number) for number, name in enumerate(classes)]
    brightness = brightness_of(split.images)
    edges = np.quantile(brightness, np.linspace(0, 1, BRIGHTNESS_PARTS + 1))
    part = np.searchsorted(edges[1:-1], brightness, side="right")
    for number in range(BRIGHTNESS_PARTS):
        name = f"{edges[number]:.0f} to {edges[number + 1]:.0f}"
        groups.append(("brightness", name, part == number))
    part = np.searchsorted(CONFIDENCE_EDGES[1:-1], confidence, side="right")
    for number, (low, high) in enumerate(pairwise(CONFIDENCE_EDGES)):
        groups.append(("confidence", f"{low:g} to {high:g}", part == number))
    return pd.DataFrame(
        [
            {"slice": kind, "group": name, **accuracy_with_interval(correct[inside])}
            for kind, name, inside in groups
        ]
    )


def brightness_of(images: NDArray[np.uint8], chunk: int = 4096) -> NDArray[np.float64]:
    """Return each image's mean pixel value, 0 to 255; the images may be larger than memory."""
    parts = [images[start : start + chunk].mean(axis=(1, 2, 3)) for start in range(0, len(images), chunk)]
    return np.concatenate(parts)
