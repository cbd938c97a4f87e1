"""Fog."""

import numpy as np
import pytest

from darkroom.evaluation.corruptions.apply import corrupt
from darkroom.evaluation.corruptions.fog import LIGHT


def test_fog_is_smooth_light_and_uneven() -> None:
    black = np.zeros((20, 32, 32, 3), dtype=np.uint8)
    fog = corrupt(black, "fog", 5, seed=0).astype(np.float64)
    assert (fog[..., :1] == fog).all()
    mean, light = fog.mean(), LIGHT
    assert mean == pytest.approx(0.6 * light, rel=0.1)
    assert (fog.min(axis=(1, 2, 3)) == round(0.3 * light)).all()
    assert (fog.max(axis=(1, 2, 3)) == round(0.9 * light)).all()
    across = np.abs(np.diff(fog, axis=2)).mean()
    assert across < 0.3 * fog.std(axis=(1, 2)).mean()
    assert len(np.unique(fog, axis=0)) == 20
