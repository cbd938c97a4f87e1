"""Which classes are shown where there are too many to show all."""

import numpy as np
import pandas as pd

MOST_CLASSES = 100  # that a figure or the model card shows; of more, these:
WORST, BEST = 40, 10


def worst_and_best(table: pd.DataFrame, *, by: str, images: str) -> pd.DataFrame:
    """Return the rows of a table of classes that are shown, in their order: of many the worst and the best.

    Of more than `MOST_CLASSES` rows these are the `WORST` lowest and the `BEST` highest of those that have
    images; of equal ones those with the most images.

    Args:
        table: a row a class.
        by: the column with the share that is correct.
        images: the column with how many images the class has.

    >>> table = pd.DataFrame({"recall": [n / 1000 for n in range(1000)], "support": [1] * 1000})
    >>> shown = worst_and_best(table, by="recall", images="support")["recall"]
    >>> len(shown), shown.tolist()[39], shown.tolist()[40]
    (50, 0.039, 0.99)
    """
    if len(table) <= MOST_CLASSES:
        return table
    known = np.flatnonzero(table[images] > 0)
    ordered = known[np.lexsort((-table[images].to_numpy()[known], table[by].to_numpy()[known]))]
    ends = np.concatenate([ordered[:WORST], ordered[max(WORST, len(ordered) - BEST) :]])
    return table.iloc[np.sort(ends)]


def in_words(shown: int, classes: int) -> str:
    """Return which of many classes are shown; empty where all are.

    >>> in_words(50, 1000), in_words(10, 10)
    ('the 40 worst and 10 best of 1,000', '')
    """
    if shown == classes:
        return ""
    best = max(0, shown - WORST)
    return f"the {shown - best} worst and {best} best of {classes:,}"
