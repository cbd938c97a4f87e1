"""Images that are equal or nearly equal, and which of them lie in two splits."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from darkroom.data.duplicates import near_duplicates
from darkroom.data.splits import Split

MOST = 2_000  # held-out images that are compared with the training images
MOST_PAIRS = 12  # of one unit


@dataclass(frozen=True)
class Copies:
    """Pairs of copies.

    Attributes:
        pairs: a row a pair, leaks first: `split`, `index`, `other_split`, `other_index`, `leak` (the two are
            held out and trained on, or the source gives them to two splits) and `similarity`, NaN where it
            was not measured.
        equal: images that equal an earlier one, pixel for pixel.
        leaks: held-out images with a copy among the training images, of those that were compared.
        compared: held-out images that were compared with the training images.
        moved: images of one's own that the source gives to one split, and a copy to another; they are
            together now.
    """

    pairs: pd.DataFrame
    equal: int
    leaks: int
    compared: int
    moved: int


def find_copies(
    facts: pd.DataFrame, splits: Mapping[str, Split], *, similarity: float, mirror: bool, own: bool
) -> Copies:
    """Return the copies.

    The scan has compared images of one's own: copies are of one unit and in one split. Of a published data
    set, held-out images are compared with the training images here.

    Args:
        facts: rows of `image_facts`.
        splits: by name.
        similarity: from which on two images count as copies.
        mirror: whether mirrored copies count.
        own: whether they are one's own.
    """
    equal = int(facts["sha256"].duplicated().sum())
    if own:
        pairs = _within_units(facts)
        given = facts[facts["given"] != ""].groupby("unit")["given"].nunique()
        crossing = facts["unit"].isin(given.index[given > 1])
        moved = int((crossing & (facts["given"] != "") & (facts["given"] != facts["split"])).sum())
        return Copies(pairs.drop(columns="unit"), equal, 0, len(facts), moved)
    tables, compared = [], 0
    for name in ("test", "validation"):
        if name not in splits or not len(splits[name]):
            continue
        rows = np.arange(len(splits[name]))
        if len(rows) > MOST:
            rows = np.sort(np.random.default_rng(0).choice(len(rows), MOST, replace=False))
        compared += len(rows)
        found = near_duplicates(
            np.asarray(splits[name].images[rows]),
            {"train": splits["train"].images},
            similarity=similarity,
            mirror=mirror,
        )
        tables.append(
            pd.DataFrame(
                {
                    "split": name,
                    "index": rows[found["test_index"].to_numpy()],
                    "other_split": found["split"],
                    "other_index": found["index"],
                    "leak": True,
                    "similarity": found["similarity"],
                }
            )
        )
    pairs = pd.concat(tables, ignore_index=True) if tables else _within_units(facts.head(0))
    return Copies(pairs, equal, len(pairs), compared, 0)


def _within_units(facts: pd.DataFrame) -> pd.DataFrame:
    """Return pairs of a unit's first image with its others; a group is no copy unless the hashes say so."""
    repeated = facts[facts["unit"].duplicated(keep=False)]
    rows = []
    for unit, members in repeated.groupby("unit", sort=False):
        first = members.iloc[0]
        for other in members.iloc[1 : 1 + MOST_PAIRS].itertuples():
            if first["group"] and not _alike(first["phash"], str(other.phash)):
                continue
            leak = bool(first["given"] and other.given and first["given"] != other.given)
            rows.append(
                (
                    first["split"],
                    first["index"],
                    other.split,
                    members.at[other.Index, "index"],
                    leak,
                    float("nan"),
                    unit,
                )
            )
        if len(rows) > 10_000:
            break
    names = ["split", "index", "other_split", "other_index", "leak", "similarity", "unit"]
    table = pd.DataFrame(rows, columns=names).astype({"leak": bool})
    return table.sort_values("leak", ascending=False, kind="stable", ignore_index=True)


def _alike(one: str, other: str) -> bool:
    return bool(one) and bool(other) and (int(one, 16) ^ int(other, 16)).bit_count() <= 6
