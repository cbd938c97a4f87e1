"""Which classes are shown where there are too many."""

import numpy as np
import pandas as pd

from darkroom.reporting.model_card.results import class_table
from darkroom.reporting.selection import in_words, worst_and_best


def table(recalls: list[float], support: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {"class": [f"c{n}" for n in range(len(recalls))], "recall": recalls, "support": support}
    )


def test_up_to_a_hundred_classes_are_all_shown() -> None:
    all_of_them = table([0.5] * 100, [0] * 100)
    assert worst_and_best(all_of_them, by="recall", images="support") is all_of_them


def test_classes_without_images_are_not_among_the_worst() -> None:
    shown = worst_and_best(
        table([0.0] * 150 + [0.5] * 20, [0] * 150 + [3] * 20), by="recall", images="support"
    )
    assert len(shown) == 20
    assert in_words(len(shown), 170) == "the 20 worst and 0 best of 170"


def test_no_class_is_shown_twice() -> None:
    for count in (39, 40, 41, 45, 50, 51, 200):
        support = [1] * count + [0] * (300 - count)
        shown = worst_and_best(table(list(np.linspace(0, 1, 300)), support), by="recall", images="support")
        assert len(shown) == min(count, 50)
        assert shown["class"].is_unique
        assert list(shown.index) == sorted(shown.index)


def test_the_model_card_says_which_classes_it_lists() -> None:
    rows = table(list(np.linspace(0, 1, 1000)), [4] * 1000)
    rows = rows.assign(precision=0.5, f1=0.5, recall_low=0.0, recall_high=1.0)
    listed = class_table(rows)
    assert listed.startswith("Only the 40 worst and 10 best of 1,000 classes; all are in per_class.csv.")
    assert len(listed.splitlines()) == 54
