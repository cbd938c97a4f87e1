"""Slices of several labels: by brightness, by how many labels an image has, and by label."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.splits import Split
from darkroom.evaluation.intervals import accuracy_with_interval
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.evaluation.multilabel.per_image import exact, image_figures
from darkroom.evaluation.slices import BRIGHTNESS_PARTS, brightness_of

MANY_LABELS = 4  # images with as many labels or more are one group


def label_slices_table(
    split: Split,
    *,
    probabilities: NDArray[np.floating],
    decisions: NDArray[np.bool_],
    classes: Sequence[str],
) -> pd.DataFrame:
    """Return a row a part of `split`.

    Its columns are `slice` (what it is cut by), `group`, those of `accuracy_with_interval` (the share of
    images whose labels are all right), `average_precision` (mAP over the labels that images of the part have)
    and `image_f1` (the mean F1 of an image's set). Both are empty for a part without images, and mAP also
    for one of images without labels. Images with a label of which nobody knows are counted by those that
    are known.

    Args:
        split: N images with labels int8 [N,L].
        probabilities: float [N,L].
        decisions: bool [N,L].
        classes: the names of the labels.
    """
    labels = split.labels
    right = exact(decisions, labels)
    f1 = image_figures(decisions, labels)["f1"]
    rows = []
    for kind, name, inside in _groups(split, classes):
        row = {"slice": kind, "group": name, **accuracy_with_interval(right[inside])}
        if inside.any():
            row["average_precision"] = mean_average_precision(probabilities[inside], labels[inside])
            row["image_f1"] = float(f1[inside].mean())
        rows.append(row)
    return pd.DataFrame(rows)


def _groups(split: Split, classes: Sequence[str]) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """Return what images are cut by, the name of each group, and which images are in it, bool [N]."""
    brightness = brightness_of(split.images)
    edges = np.quantile(brightness, np.linspace(0, 1, BRIGHTNESS_PARTS + 1))
    part = np.searchsorted(edges[1:-1], brightness, side="right")
    # first what every image is in one group of: the figure computes the share of all images from it
    groups = [
        ("brightness", f"{edges[number]:.0f} to {edges[number + 1]:.0f}", part == number)
        for number in range(BRIGHTNESS_PARTS)
    ]
    count = np.minimum((split.labels == 1).sum(axis=1), MANY_LABELS)
    for number in range(MANY_LABELS + 1):
        name = f"{number} or more" if number == MANY_LABELS else str(number)
        groups.append(("number of labels", name, count == number))
    groups += [("label", name, split.labels[:, number] == 1) for number, name in enumerate(classes)]
    return groups
