"""Precision, recall and F1 of each class."""

import numpy as np
import pytest

from darkroom.evaluation.intervals import wilson_interval
from darkroom.evaluation.per_class import per_class_table
from tests.helpers.evaluation import CLASSES, LABELS, PROBABILITIES

pytestmark = pytest.mark.filterwarnings("error")


def test_per_class_table_matches_a_computation_by_hand() -> None:
    table = per_class_table(PROBABILITIES, LABELS, classes=CLASSES)
    assert list(table.columns) == [
        "class", "precision", "recall", "f1", "support", "recall_low", "recall_high",
    ]  # fmt: skip
    assert table["class"].tolist() == CLASSES
    assert table["precision"].tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    assert table["recall"].tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    assert table["f1"].tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    assert table["support"].tolist() == [3, 2, 1]
    assert (table["recall_low"][0], table["recall_high"][0]) == wilson_interval(2, 3)


def test_a_class_without_images_has_shares_of_0_and_the_widest_interval() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], dtype=np.float32)
    labels = np.array([0, 0])
    table = per_class_table(probabilities, labels, classes=CLASSES).set_index("class")
    assert list(table.loc["ship", ["precision", "recall", "f1", "support"]]) == [0, 0, 0, 0]
    assert list(table.loc["ship", ["recall_low", "recall_high"]]) == [0, 1]
