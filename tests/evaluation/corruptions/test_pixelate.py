"""Pixelation."""

import numpy as np

from darkroom.evaluation.corruptions.apply import corrupt
from tests.helpers.corruptions import grey, photographs


def test_pixelate_makes_blocks_of_their_mean() -> None:
    changed = corrupt(grey([0, 100], [40, 60]), "pixelate", 5, seed=0)
    assert changed.ravel().tolist() == [50] * 4

    # At 130 pixels and strength 5 a block is 1 + (1 / 0.65 - 1) * 130 / 32 = 3.19 pixels: 41 a side.
    changed = corrupt(photographs(3, height=130, width=130), "pixelate", 5, seed=0).astype(np.int64)
    for axis in (1, 2):
        edges = np.abs(np.diff(changed, axis=axis)).max(axis=tuple({0, 1, 2, 3} - {axis}))
        assert (edges > 0).sum() == 40
