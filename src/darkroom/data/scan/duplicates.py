"""Images that are equal or nearly equal: they must not be in two splits."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from darkroom.data.duplicates import similar_pairs
from darkroom.data.rows import Rows

ALL_PAIRS = (
    60_000  # images of which all pairs are compared; of more, those with nearly equal perceptual hashes
)
BANDS = 4  # of 16 bits: two hashes that differ in fewer bits than bands are equal in one of them
MOST_IN_A_BAND = 2000  # images with one value of a band that are compared with each other
LARGEST = 0.1  # of all images: a larger cluster is of images that are alike by nature, such as drawn digits


def clusters(
    images: Rows, sha256: pd.Series, phashes: pd.Series, *, similarity: float, mirror: bool
) -> tuple[NDArray[np.int64], list[str]]:
    """Return a number for each image, int64 [N], which equal and nearly equal images share; and sentences.

    Nearly equal are images of at least this similarity, see `darkroom.data.duplicates.near_duplicates`. Where
    that would put a large share of all images together, only equal files are.

    Args:
        images: uint8 [N,H,W,C].
        sha256: of their files.
        phashes: their perceptual hashes, 16 hexadecimal digits each.
        similarity: -1 to 1.
        mirror: whether mirrored copies count.
    """
    equal = list(equal_pairs(sha256))
    candidates = None if len(images) <= ALL_PAIRS else _alike_hashes(phashes)
    nearly = similar_pairs(images, similarity=similarity, mirror=mirror, candidates=candidates)
    together = connected(len(images), [*equal, *nearly])
    largest = int(np.bincount(together).max(initial=0))
    if largest > max(10, LARGEST * len(images)):
        note = (
            f"{largest:,} of {len(images):,} images resemble each other (evaluate.duplicate_similarity="
            f"{similarity:g}), so only equal files count as copies: set it higher to find changed ones too."
        )
        return connected(len(images), equal), [note]
    return together, []


def connected(count: int, pairs: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Return a number for each of `count` places that connected ones share."""
    one, other = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def equal_pairs(keys: pd.Series) -> Iterator[tuple[int, int]]:
    """Return each place with the first one that has the same key.

    >>> list(equal_pairs(pd.Series(["a", "b", "a", "a"])))
    [(0, 2), (0, 3)]
    """
    first: dict[object, int] = {}
    for place, key in enumerate(keys):
        if first.setdefault(key, place) != place:
            yield first[key], place


def _alike_hashes(phashes: pd.Series) -> Iterator[tuple[int, int]]:
    """Return pairs whose perceptual hashes differ in fewer than `BANDS` bits."""
    values = np.array([int(text, 16) for text in phashes], dtype=np.uint64)
    for band in range(BANDS):
        keys = (values >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        order = np.argsort(keys, kind="stable")
        edges = np.flatnonzero(np.diff(keys[order])) + 1
        for members in np.split(order, edges):
            inside = members[:MOST_IN_A_BAND]
            for place in members if len(members) > 1 else ():
                different = np.bitwise_count(values[inside] ^ values[place])
                for other in inside[(different < BANDS) & (inside < place)]:
                    yield int(other), int(place)
