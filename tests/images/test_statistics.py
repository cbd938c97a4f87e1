"""Statistics of single images."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from darkroom.images.statistics import STATISTICS, measure
from tests.helpers.serving import random_image


@pytest.mark.parametrize(
    ("change", "name", "sign"),
    [
        (lambda x: x + 40, "brightness", 1),
        (lambda x: (x - 60) / 2 + 60, "contrast", -1),
        (lambda x: x.mean(axis=2, keepdims=True).repeat(3, 2), "saturation", -1),
        (lambda x: x * [1.5, 1, 0.5], "warmth", 1),
        (lambda x: x + np.random.default_rng(0).normal(0, 20, x.shape), "sharpness", 1),
        (lambda x: x + np.random.default_rng(0).normal(0, 20, x.shape), "grain", 1),
    ],
)
def test_each_statistic_follows_its_property(change: Callable[[Any], Any], name: str, sign: int) -> None:
    before = random_image()
    after = np.clip(change(before.astype(np.float64)), 0, 255).astype(np.uint8)
    one, other = measure(np.stack([before, after]))[:, STATISTICS.index(name)]
    assert sign * (other - one) > 0.02


def test_statistics_do_not_depend_on_the_batch_and_exist_for_grey_images() -> None:
    images = np.stack([random_image(90, 90, seed=seed) for seed in range(60)])  # more than one chunk
    np.testing.assert_allclose(measure(images)[7], measure(images[7:8])[0], rtol=1e-5)
    grey = measure(random_image(8, 8, 1)[None])
    assert np.isfinite(grey).all()
    assert grey[0, 2] == grey[0, 3] == 0
    assert measure(np.zeros((0, 8, 8, 1), np.uint8)).shape == (0, len(STATISTICS))
    assert np.isfinite(measure(np.zeros((1, 1, 1, 3), np.uint8))).all()
