"""Sets of labels in the table of a scan: copies merged, rare labels taken out."""

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from darkroom.data.label_sets import LabelSet, label_set, merged
from darkroom.text import counted, note


def sets_of(table: pd.DataFrame) -> list[LabelSet]:
    """Return the labels of each row, from its columns `label` and `unknown`."""
    return [label_set(yes, unknown) for yes, unknown in zip(table["label"], table["unknown"], strict=True)]


def counts_of(sets: Iterable[LabelSet]) -> Counter[str]:
    """Return how many images have each label.

    >>> counts_of([LabelSet(frozenset(["car", "tree"])), LabelSet(frozenset(["car"]))])
    Counter({'car': 2, 'tree': 1})
    """
    return Counter(name for one in sets for name in one.yes)


def merge_copies(table: pd.DataFrame) -> list[str]:
    """Give equal files the labels that all of them say together, as `merged`; change `table` in place.

    Where each copy names one label (the same image in several folders) all but the first are left out.
    """
    fine = table[table["reason"] == ""]
    twice = fine[fine["sha256"].duplicated(keep=False)]
    added = disputed = 0
    for _, rows in twice.groupby("sha256"):
        sets = sets_of(rows)
        if len(set(sets)) == 1:
            continue
        together = merged(sets)
        table.loc[rows.index, "label"] = together.text
        table.loc[rows.index, "unknown"] = together.unknown_text
        if all(len(one.yes) == 1 for one in sets):
            others = rows.index[1:]
            table.loc[others, "reason"] = f"the same file as {rows['path'].iloc[0]}, which has its labels too"
            added += 1
        else:
            disputed += len(rows)
    return [
        *note(
            "The same file has several labels, each named once, and is one image with all of them",
            added,
            "image",
        ),
        *note("Copies with different labels: what they disagree on is unknown", disputed, "image"),
    ]


def leave_out_rare_labels(table: pd.DataFrame, smallest: int) -> list[str]:
    """Take labels that fewer images have than `smallest` out of all sets; change `table` in place."""
    rows = table.index[table["reason"] == ""]
    sets = sets_of(table.loc[rows])
    counts = counts_of(sets)
    rare = {name for one in sets for name in one.names if counts[name] < smallest}
    if rare:
        kept = [LabelSet(one.yes - rare, one.unknown - rare) for one in sets]
        table.loc[rows, "label"] = [one.text for one in kept]
        table.loc[rows, "unknown"] = [one.unknown_text for one in kept]
    return [
        f"The label {name} was taken out: {counted(counts[name], 'image')} with it, fewer than "
        f"data.smallest_class={smallest}."
        for name in sorted(rare)
    ]
