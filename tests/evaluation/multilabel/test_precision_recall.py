"""Precision over recall of each label: by hand, and unknown answers have no part."""

import numpy as np
import pytest

from darkroom.evaluation.multilabel.precision_recall import precision_recall_curves


def test_a_curve_by_hand_and_the_lowest_first() -> None:
    labels = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0], [-1, 0, 0]], dtype=np.int8)
    probabilities = np.array([[0.9, 0.8, 0.1], [0.6, 0.7, 0.2], [0.4, 0.2, 0.3], [0.8, 0.1, 0.4]])
    curves = precision_recall_curves(probabilities, labels, ("bus", "car", "tree"))
    assert list(curves) == ["bus", "car"], "no image has a tree"
    bus = curves["bus"]  # without the last image: yes at 0.9, no at 0.6, yes at 0.4
    assert bus.precision.tolist() == pytest.approx([2 / 3, 1 / 2, 1, 1])
    assert bus.recall.tolist() == [1, 1 / 2, 1 / 2, 0]
    assert bus.average == pytest.approx((1 + 2 / 3) / 2)
    assert bus.share == pytest.approx(2 / 3)
    assert curves["car"].average == 1
