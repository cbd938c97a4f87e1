"""Resizing a decoded image to the input of a model."""

import numpy as np
import pytest
from PIL import Image

from darkroom.images.resizing import to_model_input


def test_the_largest_centred_part_is_resized_without_distortion() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = 255  # only the central square is white
    for image in (Image.fromarray(wide), Image.fromarray(wide).rotate(90, expand=True)):
        resized = to_model_input(image, height=32, width=32, channels=3)
        assert resized[1:-1, 1:-1].min() == 255
        assert resized.min() > 220  # the filter reaches slightly beyond the edge of the part


def test_shrinking_averages_all_pixels() -> None:
    checks = (np.indices((320, 320)).sum(axis=0) % 2 * 255).astype(np.uint8)
    resized = to_model_input(Image.fromarray(checks), height=8, width=8, channels=1)
    assert resized.min() >= 126
    assert resized.max() <= 129


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (31, 33)])
def test_unusual_sizes_are_resized_to_the_models(size: tuple[int, int]) -> None:
    resized = to_model_input(Image.new("RGB", size, (9, 80, 200)), height=32, width=24, channels=3)
    assert resized.shape == (32, 24, 3)
    assert (resized == (9, 80, 200)).all()


def test_two_channels_are_not_supported() -> None:
    with pytest.raises(ValueError, match="takes 2 channels"):
        to_model_input(Image.new("RGB", (4, 4)), height=4, width=4, channels=2)
