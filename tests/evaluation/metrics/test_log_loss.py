"""Log loss."""

import numpy as np
import pytest

from darkroom.evaluation.headline import classification_metrics

pytestmark = pytest.mark.filterwarnings("error")


def test_a_label_of_probability_0_gives_a_finite_loss() -> None:
    confident = np.array([[1.0, 0.0]], dtype=np.float32)
    found = classification_metrics(confident, np.array([1]), classes=["a", "b"], top_k=1)
    assert 80 < found["loss"] < 100
