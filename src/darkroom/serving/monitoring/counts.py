"""Feature rows counted: by class, by bin of each feature, and summed along the embedding's axes."""

from collections.abc import Sequence
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
        classes: images by predicted class, `[..., K]`; of several labels images that are given each.
        bins: images by feature and bin, `[..., S, B]`.
        coordinates: sums of the images' coordinates, `[..., A]`.
        together: of several labels, images that are given both labels of each pair, `[..., P]`.
        pairs: these pairs, as numbers of labels, int `[P, 2]`; None where an image has one label.
    """

    images: Array
    classes: Array
    bins: Array
    coordinates: Array
    together: Array | None = None
    pairs: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Indicators:
    """The same for each image by itself: a 1 among zeros, float32.

    Attributes:
        classes: `[N, K]`.
        bins: `[N, S, B]`.
        coordinates: `[N, A]`.
        together: of several labels `[N, P]`.
        pairs: as in `Counts`.
    """

    classes: NDArray[np.float32]
    bins: NDArray[np.float32]
    coordinates: NDArray[np.float32]
    together: NDArray[np.float32] | None = None
    pairs: NDArray[np.int64] | None = None

    @property
    def parts(self) -> list[NDArray[np.float32]]:
        """The arrays that are summed: three, or of several labels four."""
        parts = [self.classes, self.bins, self.coordinates]
        return parts if self.together is None else [*parts, self.together]

    def total(self) -> Counts:
        """Return the counts of all images together."""
        sums = [np.asarray(part.sum(axis=0), np.float64) for part in self.parts]
        return counts_of(np.array(float(len(self.classes))), sums, self.pairs)

    def flat(self) -> tuple[NDArray[np.float32], Any]:
        """Return one row per image, `[N, K+S*B+A+P]`, and where its parts begin but the first."""
        parts = [part.reshape(len(part), -1) for part in self.parts]
        starts = np.cumsum([part.shape[1] for part in parts])[:-1]
        return np.concatenate(parts, axis=1).astype(np.float32), starts


def counts_of(images: Array, sums: Sequence[Array], pairs: NDArray[np.int64] | None) -> Counts:
    """Return the counts from the sums of `Indicators.parts`."""
    classes, bins, coordinates, *together = sums
    return Counts(images, classes, bins, coordinates, together[0] if together else None, pairs)


def indicate(
    rows: NDArray[np.float32], edges: Array, classes: int, *, pairs: NDArray[np.int64] | None = None
) -> Indicators:
    """Return the indicators of rows float32 `[N, 1+S+A]`, or of several labels `[N, 1+S+A+K]`.

    Args:
        rows: the predicted class, S features, A coordinates; of several labels then 1 for each label that the
            image is given, 0 for the others.
        edges: inner edges of each feature's bins, `[S, B-1]`, ascending; a value on an edge is in the upper.
        classes: number of classes, K.
        pairs: of several labels, those that are counted together, int `[P, 2]`.

    >>> import numpy as np
    >>> rows = np.array([[1, 0.2], [0, 0.7]], np.float32)
    >>> counted = indicate(rows, np.array([[0.5]]), classes=2)
    >>> counted.classes.tolist(), counted.bins[:, 0].tolist()
    ([[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]])
    """
    features, bins = len(edges), edges.shape[1] + 1
    number = np.arange(len(rows))
    if pairs is None:
        by_class = np.zeros((len(rows), classes), dtype=np.float32)
        by_class[number, rows[:, 0].astype(int)] = 1
    else:
        by_class = rows[:, rows.shape[1] - classes :]
    by_bin = np.zeros((len(rows), features, bins), dtype=np.float32)
    for feature in range(features):
        inside = np.searchsorted(edges[feature].astype(np.float32), rows[:, 1 + feature], side="right")
        by_bin[number, feature, inside] = 1
    if pairs is None:
        return Indicators(by_class, by_bin, rows[:, 1 + features :])
    coordinates = rows[:, 1 + features : rows.shape[1] - classes]
    together = by_class[:, pairs[:, 0]] * by_class[:, pairs[:, 1]]
    return Indicators(by_class, by_bin, coordinates, together, pairs)
