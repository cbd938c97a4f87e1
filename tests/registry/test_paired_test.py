"""The paired test is as often wrong as it states."""

import numpy as np
import pytest

from darkroom.registry.paired_test import paired_test


def test_the_interval_contains_the_true_difference_as_often_as_stated() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for seed in range(300):
        kinds = generator.choice(3, p=[0.06, 0.04, 0.9], size=2000)  # one is better by two points
        paired = paired_test(kinds != 1, kinds != 0, seed=seed)
        held += paired.low <= 0.02 <= paired.high
    assert 0.91 <= held / 300 <= 0.985


def test_equal_models_are_called_different_as_rarely_as_stated() -> None:
    generator = np.random.default_rng(0)
    alarms = 0
    for _ in range(500):
        kinds = generator.choice(3, p=[0.05, 0.05, 0.9], size=1000)
        alarms += paired_test(kinds != 1, kinds != 0).p_value <= 0.05
    assert alarms / 500 <= 0.07


def test_predictions_on_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[3\] and \[4\]"):
        paired_test(np.ones(3, bool), np.ones(4, bool))
