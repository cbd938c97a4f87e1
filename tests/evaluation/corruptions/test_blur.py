"""Gaussian blur."""

import numpy as np
import pytest

from darkroom.evaluation.corruptions.apply import corrupt


def test_blur_spreads_a_point_by_its_deviation() -> None:
    images = np.zeros((1, 33, 33, 1), dtype=np.uint8)
    images[0, 16, 16] = 255
    row = corrupt(images, "blur", 5, seed=0)[0, :, :, 0].sum(axis=0, dtype=np.float64)
    variance = (row * (np.arange(33) - 16.0) ** 2).sum() / row.sum()
    assert variance == pytest.approx((33 / 32) ** 2, rel=0.1)
