"""Feature rows counted: by class, by bin of each feature, and summed along the embedding's axes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """What scores are computed from; leading dimensions, if any, are one per set of images.

    Attributes:
        images: number of images, `[...]`.
        classes: images by predicted class, `[..., K]`.
        bins: images by feature and bin, `[..., S, B]`.
        coordinates: sums of the images' coordinates, `[..., A]`.
    """

    images: Array
    classes: Array
    bins: Array
    coordinates: Array


@dataclass(frozen=True)
class Indicators:
    """The same for each image by itself: a 1 among zeros, float32.

    Attributes:
        classes: `[N, K]`.
        bins: `[N, S, B]`.
        coordinates: `[N, A]`.
    """

    classes: NDArray[np.float32]
    bins: NDArray[np.float32]
    coordinates: NDArray[np.float32]

    def total(self) -> Counts:
        """Return the counts of all images together."""
        parts = (self.classes, self.bins, self.coordinates)
        sums = (np.asarray(part.sum(axis=0), np.float64) for part in parts)
        return Counts(np.array(float(len(self.classes))), *sums)

    def flat(self) -> tuple[NDArray[np.float32], Any]:
        """Return one row per image, `[N, K+S*B+A]`, and where its three parts begin but the first."""
        parts = [part.reshape(len(part), -1) for part in (self.classes, self.bins, self.coordinates)]
        starts = np.cumsum([part.shape[1] for part in parts])[:-1]
        return np.concatenate(parts, axis=1).astype(np.float32), starts


def indicate(rows: NDArray[np.float32], edges: Array, classes: int) -> Indicators:
    """Return the indicators of rows float32 `[N, 1+S+A]`.

    Args:
        rows: the predicted class, S features, A coordinates.
        edges: inner edges of each feature's bins, `[S, B-1]`, ascending; a value on an edge is in the upper.
        classes: number of classes, K.

    >>> import numpy as np
    >>> rows = np.array([[1, 0.2], [0, 0.7]], np.float32)
    >>> counted = indicate(rows, np.array([[0.5]]), classes=2)
    >>> counted.classes.tolist(), counted.bins[:, 0].tolist()
    ([[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]])
    """
    features, bins = len(edges), edges.shape[1] + 1
    number = np.arange(len(rows))
    by_class = np.zeros((len(rows), classes), dtype=np.float32)
    by_class[number, rows[:, 0].astype(int)] = 1
    by_bin = np.zeros((len(rows), features, bins), dtype=np.float32)
    for feature in range(features):
        inside = np.searchsorted(edges[feature].astype(np.float32), rows[:, 1 + feature], side="right")
        by_bin[number, feature, inside] = 1
    return Indicators(by_class, by_bin, rows[:, 1 + features :])
