"""Resizing a decoded image to the input of a model."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
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


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    long=st.integers(1, 10_000),
    short=st.integers(1, 3),
    turned=st.booleans(),
    height=st.integers(8, 512),
    width=st.integers(8, 512),
)
@example(long=10_000, short=3, turned=False, height=512, width=512)
@example(long=1, short=1, turned=False, height=8, width=8)
@pytest.mark.integration  # takes seconds
def test_strips_of_any_size_are_resized_to_any_side(
    long: int, short: int, turned: bool, height: int, width: int
) -> None:
    image = Image.new("L", (short, long) if turned else (long, short), 77)
    resized = to_model_input(image, height=height, width=width, channels=1)
    assert resized.shape == (height, width, 1)
    assert (resized == 77).all()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(image_width=st.integers(1, 1200), image_height=st.integers(1, 300), side=st.integers(8, 512))
def test_images_of_any_size_are_resized_to_any_side(image_width: int, image_height: int, side: int) -> None:
    resized = to_model_input(
        Image.new("L", (image_width, image_height), 200), height=side, width=side, channels=1
    )
    assert (resized == 200).all()


@pytest.mark.parametrize("side", [8, 32, 160, 224, 240, 299])
def test_every_width_is_resized_to_the_usual_sides(side: int) -> None:
    for width in range(1, 700):
        image = Image.new("L", (width, 5), 30)
        assert (to_model_input(image, height=side, width=side, channels=1) == 30).all()
