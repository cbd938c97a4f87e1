"""The most confident misclassified images."""

import numpy as np
import pytest

from darkroom.evaluation.misclassified import worst_misclassified

pytestmark = pytest.mark.filterwarnings("error")


def test_misclassified_images_are_sorted_by_confidence_then_by_index() -> None:
    probabilities = np.array(
        [[0.6, 0.4], [0.9, 0.1], [0.75, 0.25], [0.1, 0.9], [0.75, 0.25]], dtype=np.float32
    )
    labels = np.array([1, 0, 1, 0, 1])
    worst = worst_misclassified(probabilities, labels, count=10)
    assert worst.dtype == np.int64
    assert worst.tolist() == [3, 2, 4, 0]
    assert worst_misclassified(probabilities, labels, count=2).tolist() == [3, 2]
    assert worst_misclassified(probabilities, labels, count=0).tolist() == []
    with pytest.raises(ValueError, match="-1"):
        worst_misclassified(probabilities, labels, count=-1)


def test_a_perfect_model_has_no_misclassified_images() -> None:
    assert worst_misclassified(np.eye(3, dtype=np.float32), np.arange(3), count=5).tolist() == []
