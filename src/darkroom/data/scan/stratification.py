"""Iterative stratification: splits of images with several labels, each with its share of every label."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

RARE_PAIR = 2  # units: a pair of labels in fewer cannot be in two splits


def stratify(
    counts: NDArray[np.int64], sizes: NDArray[np.int64], shares: Sequence[float], *, seed: int
) -> NDArray[np.int64]:
    """Return the split of each unit of images, int64 [U], 0 to S-1.

    By iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, ECML PKDD, algorithm 1): the label
    with the fewest units left is given out first, each unit to the split that still lacks most of that label;
    of equal ones to that which lacks most images, and by chance. Units of many images go first. It takes
    O(U times labels) for each label that is left.

    Args:
        counts: images with each label in each unit, int64 [U,L]; columns for pairs of labels may be added.
        sizes: images of each unit, int64 [U].
        shares: of all images that each split gets; they sum to 1.
        seed: decides what is equal otherwise.

    Raises ValueError where the shares do not sum to 1, or the arrays are not of the same units.

    >>> counts = np.array([[1, 0]] * 6 + [[0, 1]] * 3)
    >>> split = stratify(counts, np.ones(9, dtype=np.int64), [2 / 3, 1 / 3], seed=0)
    >>> [np.bincount(split[counts[:, label] > 0]).tolist() for label in (0, 1)]
    [[4, 2], [2, 1]]
    """
    if len(counts) != len(sizes) or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(
            f"counts of {len(counts)} units, sizes of {len(sizes)}, shares that sum to {sum(shares)}: "
            "expected the same units and a sum of 1"
        )
    random = np.random.default_rng(seed)
    order = random.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    split = np.full(len(sizes), -1, dtype=np.int64)
    weights = np.asarray(shares, dtype=np.float64)
    lacking = weights[:, None] * counts.sum(axis=0)  # [S,L]: images of each label that each split still lacks
    free = weights * sizes.sum()
    while len(order):
        left = (counts[order] > 0).sum(axis=0)
        if not left.any():
            break
        label = int(np.where(left > 0, left, np.iinfo(np.int64).max).argmin())
        chosen = order[counts[order, label] > 0]
        for unit in chosen:
            split[unit] = _neediest(lacking[:, label], free, random)
            lacking[split[unit]] -= counts[unit]
            free[split[unit]] -= sizes[unit]
        order = order[split[order] < 0]
    for unit in order:  # those without any label
        split[unit] = _neediest(free, free, random)
        free[split[unit]] -= sizes[unit]
    return split


def with_pairs(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return counts int64 [U,L] with a column for each pair in `RARE_PAIR` units or more.

    With them pairs are stratified too (Szymański and Kajdanowicz 2017, arXiv:1704.08756).

    >>> with_pairs(np.array([[1, 1, 0], [2, 1, 0], [0, 0, 1]])).tolist()
    [[1, 1, 0, 1], [2, 1, 0, 1], [0, 0, 1, 0]]
    """
    pairs = [
        together
        for one, other in combinations(range(counts.shape[1]), 2)
        if ((together := np.minimum(counts[:, one], counts[:, other])) > 0).sum() >= RARE_PAIR
    ]
    return np.column_stack([counts, *pairs]) if pairs else counts


def _neediest(lacking: NDArray[np.float64], free: NDArray[np.float64], random: np.random.Generator) -> int:
    most = np.flatnonzero(np.isclose(lacking, lacking.max()))
    most = most[np.isclose(free[most], free[most].max())]
    return int(random.choice(most)) if len(most) > 1 else int(most[0])
