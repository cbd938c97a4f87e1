"""Impossible probabilities and labels are rejected by every function that takes them."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.evaluation.confusion import confusion_table
from darkroom.evaluation.headline import classification_metrics
from darkroom.evaluation.per_class import per_class_table
from tests.helpers.evaluation import CLASSES, LABELS, PROBABILITIES

pytestmark = pytest.mark.filterwarnings("error")


def _with(row: int, values: list[float]) -> NDArray[np.float32]:
    changed = PROBABILITIES.copy()
    changed[row] = values
    return changed


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (_with(2, [-0.1, 0.6, 0.5]), LABELS, r"row 2 .*-0\.1"),
        (_with(3, [math.nan, 0.5, 0.5]), LABELS, "row 3 .*nan"),
        (_with(3, [math.inf, 0.0, 0.0]), LABELS, "row 3 .*inf"),
        (_with(1, [0.5, 0.4, 0.2]), LABELS, r"row 1 .*1\.1"),
        (PROBABILITIES, np.array([0, 0, 0, 1, 3, 1]), "0 to 2, got 3 at 4"),
        (PROBABILITIES, np.array([0, 0, 0, 1, -1, 1]), "got -1 at 4"),
        (PROBABILITIES, LABELS.astype(np.float32), "float32"),
        (PROBABILITIES, LABELS[:5], r"\[6, 3\] and \[5\]"),
        (PROBABILITIES[0], LABELS, r"\[3\] and \[6\]"),
        (PROBABILITIES[:0], LABELS[:0], r"nothing.*\[0, 3\]"),
        (PROBABILITIES[:, :2] / PROBABILITIES[:, :2].sum(1, keepdims=True), LABELS % 2, "3 class names.*2"),
    ],
)
def test_the_error_names_the_impossible_value_and_its_place(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        classification_metrics(probabilities, labels, classes=CLASSES, top_k=2)
    with pytest.raises(ValueError, match=message):
        per_class_table(probabilities, labels, classes=CLASSES)
    with pytest.raises(ValueError, match=message):
        confusion_table(probabilities, labels, classes=CLASSES)


def test_class_names_must_differ() -> None:
    with pytest.raises(ValueError, match="more than once: cat"):
        confusion_table(PROBABILITIES, LABELS, classes=["cat", "dog", "cat"])


def test_rows_that_sum_to_1_within_float32_rounding_are_accepted() -> None:
    almost = _with(0, [0.7004, 0.2, 0.1])
    assert classification_metrics(almost, LABELS, classes=CLASSES, top_k=1)["accuracy"] == pytest.approx(
        4 / 6
    )
