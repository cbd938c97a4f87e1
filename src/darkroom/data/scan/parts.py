"""Splits of people's own images: by a hash, so that an image stays in its split when others come."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import pandas as pd
from scipy import sparse

from darkroom.data.label_sets import LabelSet
from darkroom.data.scan.stratification import stratify, with_pairs
from darkroom.data.storage.base import path_bytes
from darkroom.text import note

PARTS = ("train", "validation", "test")
FAR_OFF = 1.5  # times the share that was asked for, or less by the same factor: worth a sentence
NAMED = 20  # labels, of which each has a sentence of its own
MANY = 100  # images: of fewer, a handful more or less is nothing to tell


def assign(
    images: pd.DataFrame, *, test_fraction: float, validation_fraction: float, seed: int
) -> tuple[pd.Series, list[str]]:
    """Return the split of each image, and sentences about what was decided.

    A split that the source gives is kept. Images with one value of `unit` are in one split, whatever is
    given: the one that the source gives to most of them. Other units are drawn by the hash of their key, so
    that a unit's split depends on nothing but its key, the seed and the fractions. Where a class has no image
    in a split then, its unit whose hash is nearest is moved there.

    Args:
        images: columns `label`, `split` (empty where it is not given), `unit` and `key`, which names the unit
            in the same way whatever other images there are.
        test_fraction: of all images, where the source gives no test images; else none is drawn.
        validation_fraction: of the images that do not test, where the source gives no validation images.
        seed: draws the splits.
    """
    published = images["split"]
    test, validation, given = _wanted(published, test_fraction, validation_fraction)
    notes: list[str] = []
    units = images.groupby("unit", sort=True)
    keys = units["key"].min()
    places = pd.Series([_place(f"{seed}:{key}") for key in keys], index=keys.index)
    drawn = pd.Series(
        np.select([places < test, places < test + (1 - test) * validation], ["test", "validation"], "train"),
        index=keys.index,
    )
    if len(given):
        drawn.update(_most_frequent(images.loc[given.index, "unit"], given))
        notes += _moved(images, drawn)
    fixed = set(images.loc[given.index, "unit"])
    splits = images["unit"].map(drawn)
    wanted = {"test": test, "validation": validation, "train": 1.0}
    for name in [name for name in PARTS if wanted[name] > 0]:
        for label in sorted(set(images["label"]) - set(images["label"][splits == name])):
            of_class = images["unit"][images["label"] == label]
            free = [unit for unit in of_class.unique() if unit not in fixed]
            counts = splits[images["label"] == label].value_counts()
            if len(free) < 2 or counts.max() < 2:
                continue
            chosen = min(free, key=lambda unit: (drawn[unit] != counts.idxmax(), places[unit]))
            drawn[chosen] = name
            fixed.add(chosen)
            splits = images["unit"].map(drawn)
            notes.append(f"No image of {label} was drawn for {name}: one was moved there.")
    shares = {"test": test, "validation": (1 - test) * validation}
    return splits, notes + _far_off(splits, len(units), shares)


def assign_sets(
    images: pd.DataFrame,
    sets: Sequence[LabelSet],
    *,
    test_fraction: float,
    validation_fraction: float,
    seed: int,
) -> tuple[pd.Series, list[str]]:
    """Return the split of each image of several labels, and sentences about what was decided.

    As `assign`, but what the source does not give is drawn by iterative stratification of labels and pairs of
    them (`stratify`): every split gets its share of each. So the split of a unit depends on the others too.
    `sets` are the labels of each image.
    """
    published = images["split"]
    test, validation, given = _wanted(published, test_fraction, validation_fraction)
    classes = sorted({name for one in sets for name in one.yes})
    yes = _having(sets, classes)
    units = images.groupby("unit", sort=True)
    # in an order that does not depend on the numbers of the units
    keys = units["key"].min().sort_values()
    sizes = units.size().loc[keys.index]
    drawn = pd.Series("train", index=keys.index)
    fixed = set(images.loc[given.index, "unit"])
    free = [unit for unit in keys.index if unit not in fixed]
    shares = {"test": test, "validation": (1 - test) * validation}
    if free and test + validation:
        place = pd.Series(np.arange(len(free)), index=free)
        matrix = with_pairs(_summed(yes, images["unit"].map(place)))
        wanted = [*shares.values(), 1 - sum(shares.values())]
        of_units = np.asarray(sizes.loc[free], dtype=np.int64)
        split = stratify(matrix, of_units, wanted, seed=seed)
        drawn.loc[free] = np.array(["test", "validation", "train"])[split]
    notes: list[str] = []
    if len(given):
        drawn.update(_most_frequent(images.loc[given.index, "unit"], given))
        notes += _moved(images, drawn)
    splits = images["unit"].map(drawn)
    for name in PARTS:
        here = np.flatnonzero(splits == name)
        lacking = np.flatnonzero(np.asarray(yes[here].sum(axis=0)) == 0).tolist() if len(here) else []
        notes += [f"No image with {classes[label]} is in {name}." for label in lacking[:NAMED]]
        if len(lacking) > NAMED:
            notes.append(f"Nor is one with {len(lacking) - NAMED:,} more labels in {name}.")
    return splits, notes + _far_off(splits, len(units), shares)


def _having(sets: Sequence[LabelSet], classes: Sequence[str]) -> sparse.csr_array:
    """Return 1 where an image has a label, int64 [N,classes]: sparse, since of many labels it has few."""
    places = {name: place for place, name in enumerate(classes)}
    columns = [sorted(places[name] for name in one.yes) for one in sets]
    ends = np.cumsum([0, *map(len, columns)])
    ones, flat = np.ones(ends[-1], dtype=np.int64), np.array([*chain(*columns)], dtype=np.int64)
    return sparse.csr_array((ones, flat, ends), shape=(len(sets), len(classes)))


def _summed(yes: sparse.csr_array, units: pd.Series) -> sparse.csr_array:
    """Return the sum of the rows of `yes` [N,classes] that belong to each unit, [U,classes].

    `units` are the numbers 0 to U-1 of the images' units; NaN is of none.
    """
    rows = np.flatnonzero(units.notna())
    numbers = units.to_numpy()[rows].astype(np.int64)
    entries = (np.ones(len(rows), dtype=np.int64), (numbers, rows))
    belongs = sparse.csr_array(entries, shape=(int(numbers.max()) + 1, len(units)))
    return sparse.csr_array(belongs @ yes)


def _wanted(published: pd.Series, test: float, validation: float) -> tuple[float, float, pd.Series]:
    """Return the shares to be drawn, 0 for a split that the source gives, and what stays as given."""
    test = 0.0 if (published == "test").any() else test
    validation = 0.0 if (published == "validation").any() else validation
    # where a split is missing, it is drawn from the training images that are given
    given = published[published.isin(("test", "validation") if test or validation else PARTS)]
    return test, validation, given


def _moved(images: pd.DataFrame, drawn: pd.Series) -> list[str]:
    """Return a sentence about images that are not in the split that the source gives them."""
    published = images["split"]
    crossing = images[published != ""].groupby("unit")["split"].nunique() > 1
    moved = images["unit"].isin(crossing.index[crossing]) & (published != images["unit"].map(drawn))
    count = int((moved & (published != "")).sum())
    why = "as copies of images in another one or of one group with them"
    return note(f"Moved out of their given split, {why}", count, "image")


def _far_off(splits: pd.Series, units: int, wanted: Mapping[str, float]) -> list[str]:
    """Return a sentence for each split whose share is far from the one wanted, as with a few large groups."""
    return [
        f"{count:,} of {len(splits):,} images ({count / len(splits):.0%}) are for {name}, where {share:.0%} "
        f"were asked for: only {units:,} units of images can be drawn. Another data.seed draws others."
        for name, share in wanted.items()
        if (count := int((splits == name).sum()))
        and share
        and not share / FAR_OFF <= count / len(splits) <= share * FAR_OFF
        and len(splits) >= MANY
    ]


def _most_frequent(units: pd.Series, splits: pd.Series) -> pd.Series:
    """Return the split that most images of each unit have; of equally frequent ones the last by name.

    >>> _most_frequent(pd.Series([7, 7, 7, 9, 9]), pd.Series(["b", "b", "a", "a", "b"])).to_dict()
    {7: 'b', 9: 'b'}
    """
    counts = pd.crosstab(units.to_numpy(), splits.to_numpy())
    return counts[sorted(counts.columns, reverse=True)].idxmax(axis=1)


def _place(key: str) -> float:
    """Return a number from 0 to 1 that depends on `key` alone."""
    return int.from_bytes(hashlib.sha256(path_bytes(key)).digest()[:8], "big") / 2**64
