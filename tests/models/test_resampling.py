"""Resampling by matrices is Pillow's filter, by which images are resized everywhere else."""

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.models.resampling import Resample


@pytest.mark.parametrize(("before", "after"), [((24, 20), (16, 10)), ((20, 24), (31, 47)), ((8, 8), (8, 8))])
def test_it_is_pillows_bicubic_filter(before: tuple[int, int], after: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=before).astype(np.float32)
    theirs = np.asarray(Image.fromarray(image).resize(after[::-1], Image.Resampling.BICUBIC))
    ours = Resample(before, after)(torch.from_numpy(image)[None, None])[0, 0]
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)
