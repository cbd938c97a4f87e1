"""Gaussian noise."""

import numpy as np
import pytest

from darkroom.evaluation.corruptions import CORRUPTIONS, STRENGTHS
from darkroom.evaluation.corruptions.apply import corrupt


def test_noise_has_its_deviation_and_no_bias() -> None:
    middle = np.full((10, 32, 32, 3), 128, dtype=np.uint8)
    for strength, deviation in zip(STRENGTHS, CORRUPTIONS["noise"].levels, strict=True):
        noise = corrupt(middle, "noise", strength, seed=0).astype(np.float64) - 128
        assert noise.std() == pytest.approx(255 * deviation, rel=0.02)
        assert abs(noise.mean()) < 0.5
    assert len(np.unique(corrupt(middle, "noise", 1, seed=0), axis=0)) == 10
