"""Slices and corruptions of several labels, against figures computed plainly."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from darkroom.data.splits import Split
from darkroom.evaluation.corruptions import CORRUPTIONS, STRENGTHS
from darkroom.evaluation.multilabel.corruptions import label_corruptions_table
from darkroom.evaluation.multilabel.slices import label_slices_table
from tests.helpers.label_sets import scored

NAMES = ("a", "b", "c", "d", "e")


def images(count: int) -> NDArray[np.uint8]:
    """Return images of different brightness, uint8 [N,4,4,3]."""
    levels = np.random.default_rng(0).integers(20, 230, (count, 1, 1, 1))
    return np.broadcast_to(levels, (count, 4, 4, 3)).astype(np.uint8)


def test_slices_are_those_of_the_images_in_them() -> None:
    scores, labels = scored(count=200)
    split = Split(images(200), labels)
    table = label_slices_table(split, probabilities=scores, decisions=scores > 0.5, classes=NAMES)
    right = ((scores > 0.5) == labels).all(axis=1)
    by_slice = table.groupby("slice")["images"].sum()
    assert by_slice["brightness"] == by_slice["number of labels"] == 200
    first = table["slice"].iloc[0]
    part = table[table["slice"] == first]
    assert (part["accuracy"] * part["images"]).sum() / 200 == pytest.approx(right.mean())
    for number, name in enumerate(NAMES):
        row = table[(table["slice"] == "label") & (table["group"] == name)].iloc[0]
        inside = labels[:, number] == 1
        assert row["images"] == inside.sum()
        assert row["accuracy"] == pytest.approx(right[inside].mean())
    two = table[(table["slice"] == "number of labels") & (table["group"] == "2")].iloc[0]
    inside = labels.sum(axis=1) == 2
    each = [
        average_precision_score(labels[inside, label], scores[inside, label])
        for label in range(5)
        if labels[inside, label].any()
    ]
    assert two["average_precision"] == pytest.approx(np.mean(each))


def test_a_slice_without_images_has_no_figures() -> None:
    scores, labels = scored(count=60)
    labels[:, 2:] = 0  # each image has one label
    table = label_slices_table(
        Split(images(60), labels), probabilities=scores, decisions=scores > 0.5, classes=NAMES
    )
    empty = table[(table["slice"] == "number of labels") & (table["group"] == "4 or more")].iloc[0]
    assert empty["images"] == 0
    assert np.isnan(empty["average_precision"])


def test_corruptions_measure_what_the_model_predicts_of_harder_images() -> None:
    scores, labels = scored(count=50)
    split = Split(images(50), labels)
    seen: list[NDArray[np.uint8]] = []

    def predict(harder: Split) -> NDArray[np.float32]:
        changed = (harder.images != split.images).any()
        seen.append(harder.images)
        return (scores if not changed else 1 - scores).astype(np.float32)

    table, report = label_corruptions_table(predict, split, seed=0, resamples=50)
    clean = np.mean([average_precision_score(labels[:, n], scores[:, n]) for n in range(5)])
    worse = np.mean([average_precision_score(labels[:, n], 1 - scores[:, n]) for n in range(5)])
    assert report["clean"] == pytest.approx(clean)
    assert len(table) == len(CORRUPTIONS) * len(STRENGTHS) == len(seen) - 1
    noisy = table[(table["corruption"] == "noise") & (table["strength"] == 5)].iloc[0]
    assert noisy["average_precision"] == pytest.approx(worse)
    assert (table["average_precision_low"] <= table["average_precision_high"]).all()
    assert noisy["average_precision_low"] < worse < noisy["average_precision_high"]
    assert report["average_precision"] == pytest.approx(table["average_precision"].mean())
    assert report["noise"] == pytest.approx(table[table["corruption"] == "noise"]["average_precision"].mean())
