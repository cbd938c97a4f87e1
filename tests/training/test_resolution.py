"""Images at a lower resolution."""

import numpy as np
import torch
import torch.nn.functional as F

from darkroom.training.resolution import shrink, shrink_split
from tests.helpers.training import digits_splits


def test_a_split_is_shrunk() -> None:
    split = digits_splits()[1].first(5)
    small = shrink_split(split, 4)
    assert small.images.shape == (5, 4, 4, 1)
    assert small.images.dtype == np.uint8
    np.testing.assert_array_equal(small.labels, split.labels)
    means = small.images.mean((1, 2, 3)), split.images.mean((1, 2, 3))
    np.testing.assert_allclose(means[0], means[1], atol=12)
    for side in (0, 8, 9):
        np.testing.assert_array_equal(shrink_split(split, side).images, split.images)


def test_shrinking_bytes_equals_shrinking_floats_within_a_grey_level() -> None:
    images = torch.randint(0, 256, (5, 12, 9, 3), dtype=torch.uint8)
    small = shrink(images, 6)
    assert small.shape == (5, 8, 6, 3)
    wide = images.permute(0, 3, 1, 2).double()
    exact = F.interpolate(wide, size=(8, 6), mode="bilinear", antialias=True).permute(0, 2, 3, 1)
    torch.testing.assert_close(small.double(), exact, rtol=0, atol=1.01)  # 0.5 for each of two roundings
