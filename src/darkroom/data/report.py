"""The data report: what the splits contain, their statistics, and exact duplicates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.label_sets import UNKNOWN, YES
from darkroom.data.splits import Split

COUNTED_VALUES = 2**19  # at once: bincount makes int64 of them, 4 MiB, which stay in the cache


def channel_statistics(images: NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel of images uint8 [N,H,W,C], on a scale of 0 to 1.

    They are exact, and do not depend on the order of the images. Raises ValueError for a channel that has one
    value only.

    >>> channel_statistics(np.array([0, 255], dtype=np.uint8).reshape(2, 1, 1, 1))
    ([0.5], [0.5])
    """
    counts = np.zeros((images.shape[-1], 256), dtype=np.int64)
    step = max(1, COUNTED_VALUES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), step):
        chunk = np.asarray(images[start : start + step])
        for channel, count in enumerate(counts):
            count += np.bincount(chunk[..., channel].reshape(-1), minlength=256)
    values = np.arange(256) / 255
    means, stds = [], []
    for count in counts:
        mean = float((count * values).sum() / count.sum())
        means.append(mean)
        stds.append(float(np.sqrt((count * (values - mean) ** 2).sum() / count.sum())))
    if min(stds) == 0:
        raise ValueError(
            f"the training images have a channel of one value (standard deviations {stds}): "
            "it cannot be standardised"
        )
    return means, stds


def data_report(
    splits: dict[str, Split], manifests: dict[str, pd.DataFrame], classes: Sequence[str]
) -> dict[str, Any]:
    """Return counts, shapes, ranges and classes of the splits, and their exact duplicates."""
    report: dict[str, Any] = {"classes": list(classes), "splits": {}, "duplicates_across": {}}
    for name, split in splits.items():
        hashes = manifests[name]["sha256"]
        report["splits"][name] = {
            "images": len(split),
            "shape": list(split.images.shape[1:]),
            "dtype": str(split.images.dtype),
            "range": [int(split.images.min()), int(split.images.max())],
            "per_class": dict(zip(classes, _counts(split, len(classes)), strict=True)),
            "duplicates": int(hashes.duplicated().sum()),
        }
        if split.several:
            yes = split.labels == YES
            report["splits"][name] |= {
                "labels_per_image": float(yes.sum(axis=1).mean()),
                "without_labels": int((~yes.any(axis=1)).sum()),
                "unknown": int((split.labels == UNKNOWN).sum()),
                "label_sets": len(np.unique(split.labels, axis=0)),
            }
    names = list(splits)
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            shared = set(manifests[one]["sha256"]) & set(manifests[other]["sha256"])
            report["duplicates_across"][f"{one}-{other}"] = len(shared)
    return report


def _counts(split: Split, classes: int) -> list[int]:
    """Return how many images of each class there are."""
    if split.several:
        return [int(count) for count in (split.labels == YES).sum(axis=0)]
    return [int(count) for count in np.bincount(split.labels, minlength=classes)]
