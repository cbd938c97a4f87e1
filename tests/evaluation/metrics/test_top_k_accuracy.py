"""Top-k accuracy, above all on ties."""

import numpy as np
import pytest

from darkroom.evaluation.headline import classification_metrics
from tests.helpers.evaluation import CLASSES, LABELS, PROBABILITIES

pytestmark = pytest.mark.filterwarnings("error")


def test_a_k_of_all_classes_says_nothing_and_is_left_out() -> None:
    for top_k in (len(CLASSES), len(CLASSES) + 2):
        found = classification_metrics(PROBABILITIES, LABELS, classes=CLASSES, top_k=top_k)
        assert f"top_{top_k}_accuracy" not in found
    with pytest.raises(ValueError, match=r"top_k.*0"):
        classification_metrics(PROBABILITIES, LABELS, classes=CLASSES, top_k=0)


def test_on_a_tie_the_first_class_is_predicted_as_in_accuracy() -> None:
    even = np.full((3, 3), 1 / 3, dtype=np.float32)
    labels = np.array([0, 1, 2])
    for top_k, expected in ((1, 1 / 3), (2, 2 / 3)):
        found = classification_metrics(even, labels, classes=CLASSES, top_k=top_k)
        assert found[f"top_{top_k}_accuracy"] == pytest.approx(expected)
        assert found["accuracy"] == pytest.approx(1 / 3)
