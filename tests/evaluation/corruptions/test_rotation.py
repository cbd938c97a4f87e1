"""Rotation."""

import numpy as np
import pytest

from darkroom.evaluation.corruptions.apply import corrupt
from tests.helpers.corruptions import photographs


def test_rotation_is_about_the_centre_to_both_sides_and_fills_the_corners() -> None:
    images = photographs(30)
    symmetric = (images // 2 + images[:, ::-1, ::-1] // 2).astype(np.uint8)
    turned = corrupt(symmetric, "rotation", 5, seed=0).astype(np.int64)
    assert np.abs(turned - turned[:, ::-1, ::-1]).max() <= 1

    constant = np.full((2, 20, 30, 3), 77, dtype=np.uint8)
    assert (corrupt(constant, "rotation", 5, seed=0) == 77).all()

    same = np.repeat(images[:1], 30, axis=0)
    ways = np.unique(corrupt(same, "rotation", 5, seed=0), axis=0)
    assert len(ways) == 2


def test_rotation_turns_by_its_angle() -> None:
    # A point 12 pixels right of the centre, wide enough to have a centre of mass after rounding.
    images = np.zeros((1, 41, 41, 1), dtype=np.uint8)
    images[0, 18:23, 30:35] = 255
    turned = corrupt(images, "rotation", 5, seed=0)[0, :, :, 0].astype(np.float64)
    down, across = ((turned * axis).sum() / turned.sum() - 20 for axis in np.mgrid[:41, :41])
    assert np.hypot(down, across) == pytest.approx(12, abs=0.1)
    assert abs(np.degrees(np.arctan2(down, across))) == pytest.approx(30, abs=0.5)
