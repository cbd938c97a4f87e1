"""Iterative stratification: splits of images with several labels, each with its share of every label."""

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

RARE_PAIR = 2  # units: a pair of labels in fewer cannot be in two splits


def stratify(
    counts: NDArray[np.int64] | sparse.csr_array,
    sizes: NDArray[np.int64],
    shares: Sequence[float],
    *,
    seed: int,
) -> NDArray[np.int64]:
    """Return the split of each unit of images, int64 [U], 0 to S-1.

    By iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, ECML PKDD, algorithm 1): the label
    with the fewest units left is given out first, each unit to the split that still lacks most of that label;
    of equal ones to that which lacks most images, and by chance. Units of many images go first. Its time and
    memory grow with the entries that are not 0.

    Args:
        counts: images with each label in each unit, [U,L]; columns for pairs of labels may be added.
        sizes: images of each unit, int64 [U].
        shares: of all images that each split gets; they sum to 1.
        seed: decides what is equal otherwise.

    Raises ValueError where the shares do not sum to 1, or the arrays are not of the same units.

    >>> counts = np.array([[1, 0]] * 6 + [[0, 1]] * 3)
    >>> split = stratify(counts, np.ones(9, dtype=np.int64), [2 / 3, 1 / 3], seed=0)
    >>> [np.bincount(split[counts[:, label] > 0]).tolist() for label in (0, 1)]
    [[4, 2], [2, 1]]
    """
    by_unit: Any = sparse.csr_array(counts)
    if by_unit.shape[0] != len(sizes) or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(
            f"counts of {by_unit.shape[0]} units, sizes of {len(sizes)}, shares that sum to {sum(shares)}: "
            "expected the same units and a sum of 1"
        )
    random = np.random.default_rng(seed)
    order = random.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    split = np.full(len(sizes), -1, dtype=np.int64)
    weights = np.asarray(shares, dtype=np.float64)
    by_unit.eliminate_zeros()
    by_label = by_unit.tocsc()
    lacking = weights[:, None] * by_unit.sum(axis=0)  # [S,L]: images of each label that splits still lack
    free = weights * sizes.sum()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    left = np.diff(by_label.indptr)  # units of each label that have no split yet
    rarest = [(int(units), label) for label, units in enumerate(left) if units]
    heapq.heapify(rarest)
    while rarest:
        units, label = heapq.heappop(rarest)
        if not units or units != left[label]:  # it was counted again since
            continue
        of_label = by_label.indices[by_label.indptr[label] : by_label.indptr[label + 1]]
        chosen = of_label[split[of_label] < 0]
        for unit in chosen[np.argsort(rank[chosen])]:
            split[unit] = _neediest(lacking[:, label], free, random)
            here = slice(by_unit.indptr[unit], by_unit.indptr[unit + 1])
            labels = by_unit.indices[here]
            lacking[split[unit], labels] -= by_unit.data[here]
            free[split[unit]] -= sizes[unit]
            left[labels] -= 1
            for other in labels:
                heapq.heappush(rarest, (int(left[other]), int(other)))
    order = order[split[order] < 0]
    for unit in order:  # those without any label
        split[unit] = _neediest(free, free, random)
        free[split[unit]] -= sizes[unit]
    return split


def with_pairs(counts: NDArray[np.int64] | sparse.csr_array) -> sparse.csr_array:
    """Return counts [U,L] with a column for each pair in `RARE_PAIR` units or more.

    With them pairs are stratified too (Szymański and Kajdanowicz 2017, arXiv:1704.08756). Only pairs that a
    unit has are counted, so that it takes no more memory than there are of these.

    >>> with_pairs(np.array([[1, 1, 0], [2, 1, 0], [0, 0, 1]])).toarray().tolist()
    [[1, 1, 0, 1], [2, 1, 0, 1], [0, 0, 1, 0]]
    """
    by_unit: Any = sparse.csr_array(counts)
    by_unit.eliminate_zeros()
    by_unit.sort_indices()
    labels = by_unit.shape[1]
    having = by_unit.astype(bool).astype(np.int64)
    together: Any = sparse.triu(having.T @ having, k=1).tocoo()
    often = together.data >= RARE_PAIR
    kept = np.sort(together.row[often].astype(np.int64) * labels + together.col[often])
    rows, columns, values = [], [], []
    for unit in range(by_unit.shape[0] if len(kept) else 0):
        here = slice(by_unit.indptr[unit], by_unit.indptr[unit + 1])
        one, other = np.triu_indices(here.stop - here.start, k=1)
        pairs = by_unit.indices[here][one].astype(np.int64) * labels + by_unit.indices[here][other]
        places = np.minimum(np.searchsorted(kept, pairs), len(kept) - 1)
        found = kept[places] == pairs
        columns.append(places[found])
        values.append(np.minimum(by_unit.data[here][one], by_unit.data[here][other])[found])
        rows.append(np.full(int(found.sum()), unit))
    if not rows:
        return sparse.csr_array(by_unit)
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    of_pairs = sparse.csr_array(entries, shape=(by_unit.shape[0], len(kept)))
    return sparse.csr_array(sparse.hstack([by_unit, of_pairs]))


def _neediest(lacking: NDArray[np.float64], free: NDArray[np.float64], random: np.random.Generator) -> int:
    most = np.flatnonzero(np.isclose(lacking, lacking.max()))
    most = most[np.isclose(free[most], free[most].max())]
    return int(random.choice(most)) if len(most) > 1 else int(most[0])
