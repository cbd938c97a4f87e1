"""Contrast."""

import numpy as np

from darkroom.evaluation.corruptions.apply import corrupt
from tests.helpers.corruptions import grey


def test_contrast_matches_a_computation_by_hand() -> None:
    assert corrupt(grey([0, 200], [200, 0]), "contrast", 2, seed=0).ravel().tolist() == [50, 150, 150, 50]
    two = np.stack([grey([0, 200], [200, 0])[0], grey([255, 155], [155, 255])[0]])
    assert corrupt(two, "contrast", 2, seed=0)[1].ravel().tolist() == [230, 180, 180, 230]
