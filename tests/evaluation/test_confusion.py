"""Confusions, image by image and counted."""

import numpy as np
import pytest

from darkroom.evaluation.confusion import confusion_matrix, confusion_table
from tests.helpers.evaluation import CLASSES, LABELS, PROBABILITIES

pytestmark = pytest.mark.filterwarnings("error")


def test_confusion_table_has_a_row_an_image() -> None:
    table = confusion_table(PROBABILITIES, LABELS, classes=CLASSES)
    assert list(table.columns) == ["actual", "predicted"]
    assert table.to_numpy().tolist() == [
        ["cat", "cat"], ["cat", "cat"], ["cat", "dog"], ["dog", "dog"], ["ship", "ship"], ["dog", "cat"],
    ]  # fmt: skip


def test_confusion_matrix_counts_rows_of_actual_classes() -> None:
    table = confusion_matrix(PROBABILITIES, LABELS, classes=CLASSES)
    assert table.columns.tolist() == ["actual", *CLASSES]
    assert table.iloc[0].tolist() == ["cat", 2, 1, 0]
    assert table.iloc[1].tolist() == ["dog", 1, 1, 0]
    assert table[CLASSES].to_numpy().sum() == 6


def test_a_class_may_be_called_actual() -> None:
    table = confusion_matrix(np.eye(2, dtype=np.float32), np.array([0, 1]), classes=["actual", "dog"])
    assert table.columns.tolist() == ["actual", "actual", "dog"]
    assert table.to_numpy().tolist() == [["actual", 1, 0], ["dog", 0, 1]]
