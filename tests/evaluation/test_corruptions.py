"""Corruptions: what each does to images, and that it does more of it at every strength."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from darkroom.evaluation import corruptions
from darkroom.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from tests.helpers.training import digits

DRAWN = ["noise", "fog", "rotation"]


def photographs(count: int, height: int = 32, width: int = 32, channels: int = 3) -> NDArray[np.uint8]:
    """Return what is as smooth as photographs, with an object that has edges: uint8 [N,H,W,C]."""
    if count == 0:
        return np.empty((0, height, width, channels), dtype=np.uint8)
    generator = np.random.default_rng(7)
    fields = generator.standard_normal((count, height, width, channels))
    smooth = np.zeros_like(fields)
    for deviation in (min(height, width) / 8, min(height, width) / 32):
        octave = ndimage.gaussian_filter(fields, (0, deviation, deviation, 0))
        smooth += octave / octave.std() * deviation
    images = 110 + 40 * smooth / smooth.std()
    for image in images:
        top, left = generator.integers(0, height // 2), generator.integers(0, width // 2)
        image[top : top + height // 3, left : left + width // 3] += generator.normal(0, 60, channels)
    return np.asarray(images.clip(0, 255), dtype=np.uint8)


def grey(*rows: list[int]) -> NDArray[np.uint8]:
    """Return one grey image, uint8 [1,H,W,1]."""
    return np.array(rows, dtype=np.uint8)[None, :, :, None]


def enlarged(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    large = [Image.fromarray(image.squeeze()).resize((side, side)) for image in images]
    return np.stack([np.asarray(image) for image in large]).reshape(len(images), side, side, -1)


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return each image's mean absolute difference."""
    return np.asarray(np.abs(one.astype(np.float64) - other).mean(axis=(1, 2, 3)))


IMAGES = {
    "colour": photographs(60),
    "grey": photographs(60, channels=1),
    "wide": photographs(60, height=24, width=61),
    "large": photographs(12, height=224, width=224),
    "small": photographs(60, height=8, width=8),
    "digits": digits().train.images[:200],
    "enlarged digits": enlarged(digits().train.images[:100], 40),
}


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_strength_changes_every_image_and_more_than_the_one_before(name: str, kind: str) -> None:
    images = IMAGES[kind]
    before = images.copy()
    differences = []
    for strength in STRENGTHS:
        changed = corrupt(images, name, strength, seed=0)
        assert changed.dtype == np.uint8
        assert changed.shape == images.shape
        differences.append(difference(changed, images))
        assert (differences[-1] > 0).all()
    means = [float(each.mean()) for each in differences]
    if (name, kind) == ("pixelate", "digits"):  # their strokes fit into some blocks and not into others
        means = means[::4]
    assert all(weaker < stronger for weaker, stronger in pairwise(means)), means
    assert np.array_equal(images, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_seed_decides(name: str) -> None:
    images = photographs(8)
    first = corrupt(images, name, 3, seed=1)
    assert np.array_equal(first, corrupt(images, name, 3, seed=1))
    assert np.array_equal(first, corrupt(images, name, 3, seed=2)) == (name not in DRAWN)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_image_does_not_depend_on_those_after_it_nor_on_the_chunks(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = photographs(7)
    whole = corrupt(images, name, 4, seed=3)
    assert np.array_equal(corrupt(images[:5], name, 4, seed=3), whole[:5])
    monkeypatch.setattr(corruptions, "CHUNK_VALUES", 2 * images[0].size)
    assert np.array_equal(corrupt(images, name, 4, seed=3), whole)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_no_images_and_the_smallest_images(name: str) -> None:
    assert corrupt(photographs(0), name, 1, seed=0).shape == (0, 32, 32, 3)
    small = photographs(3, height=2, width=3)
    for strength in STRENGTHS:
        assert corrupt(small, name, strength, seed=0).shape == small.shape


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_stay_on_disk(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("mapped") / "images.npy"
    images = photographs(4)
    np.save(path, images)
    changed = corrupt(np.load(path, mmap_mode="r"), name, 2, seed=0)
    assert type(changed) is np.ndarray
    assert np.array_equal(changed, corrupt(images, name, 2, seed=0))


def test_noise_has_its_deviation_and_no_bias() -> None:
    middle = np.full((10, 32, 32, 3), 128, dtype=np.uint8)
    for strength, deviation in zip(STRENGTHS, corruptions.NUMBERS["noise"], strict=True):
        noise = corrupt(middle, "noise", strength, seed=0).astype(np.float64) - 128
        assert noise.std() == pytest.approx(255 * deviation, rel=0.02)
        assert abs(noise.mean()) < 0.5
    assert len(np.unique(corrupt(middle, "noise", 1, seed=0), axis=0)) == 10


def test_blur_spreads_a_point_by_its_deviation() -> None:
    images = np.zeros((1, 33, 33, 1), dtype=np.uint8)
    images[0, 16, 16] = 255
    row = corrupt(images, "blur", 5, seed=0)[0, :, :, 0].sum(axis=0, dtype=np.float64)
    variance = (row * (np.arange(33) - 16.0) ** 2).sum() / row.sum()
    assert variance == pytest.approx((33 / 32) ** 2, rel=0.1)


def test_contrast_by_hand() -> None:
    assert corrupt(grey([0, 200], [200, 0]), "contrast", 2, seed=0).ravel().tolist() == [50, 150, 150, 50]
    two = np.stack([grey([0, 200], [200, 0])[0], grey([255, 155], [155, 255])[0]])
    assert corrupt(two, "contrast", 2, seed=0)[1].ravel().tolist() == [230, 180, 180, 230]


def test_brightness_by_hand() -> None:
    assert corrupt(grey([0, 100], [204, 250]), "brightness", 4, seed=0).ravel().tolist() == [
        51, 151, 255, 255,
    ]  # fmt: skip


def test_pixelate_makes_blocks_of_their_mean() -> None:
    changed = corrupt(grey([0, 100], [40, 60]), "pixelate", 5, seed=0)
    assert changed.ravel().tolist() == [50] * 4

    # At 130 pixels and strength 5 a block is 1 + (1 / 0.65 - 1) * 130 / 32 = 3.19 pixels: 41 a side.
    changed = corrupt(photographs(3, height=130, width=130), "pixelate", 5, seed=0).astype(np.int64)
    for axis in (1, 2):
        edges = np.abs(np.diff(changed, axis=axis)).max(axis=tuple({0, 1, 2, 3} - {axis}))
        assert (edges > 0).sum() == 40


@pytest.mark.parametrize("name", ["blur", "rotation"])
def test_a_larger_image_of_the_same_is_hit_as_hard(name: str) -> None:
    images = photographs(40)
    large = enlarged(images, 96)
    for strength in STRENGTHS[2:]:  # a narrower Gaussian falls between the pixels of the small ones
        small_hit = difference(corrupt(images, name, strength, seed=0), images).mean()
        large_hit = difference(corrupt(large, name, strength, seed=0), large).mean()
        assert large_hit == pytest.approx(small_hit, rel=0.4)


def test_fog_is_smooth_light_and_uneven() -> None:
    black = np.zeros((20, 32, 32, 3), dtype=np.uint8)
    fog = corrupt(black, "fog", 5, seed=0).astype(np.float64)
    assert (fog[..., :1] == fog).all()
    mean, light = fog.mean(), corruptions.FOG_LIGHT
    assert mean == pytest.approx(0.6 * light, rel=0.1)
    assert (fog.min(axis=(1, 2, 3)) == round(0.3 * light)).all()
    assert (fog.max(axis=(1, 2, 3)) == round(0.9 * light)).all()
    across = np.abs(np.diff(fog, axis=2)).mean()
    assert across < 0.3 * fog.std(axis=(1, 2)).mean()
    assert len(np.unique(fog, axis=0)) == 20


def test_rotation_is_about_the_centre_both_ways_and_leaves_no_corners() -> None:
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


@pytest.mark.parametrize(
    ("name", "strength", "seed", "images", "message"),
    [
        ("snow", 1, 0, photographs(1), "'snow'.*noise, blur, .*rotation"),
        ("noise", 0, 0, photographs(1), "1 to 5, got 0"),
        ("noise", 6, 0, photographs(1), "1 to 5, got 6"),
        ("noise", 1, -1, photographs(1), "seed.*-1"),
        ("noise", 1, 0, photographs(1).astype(np.float32), r"float32 \[1, 32, 32, 3\]"),
        ("noise", 1, 0, photographs(1)[0], r"uint8 \[32, 32, 3\]"),
        ("noise", 1, 0, photographs(1, channels=2), r"\[1, 32, 32, 2\]"),
        ("noise", 1, 0, photographs(1)[:, :1], r"\[1, 1, 32, 3\]"),
    ],
)
def test_what_cannot_be_is_refused(
    name: str, strength: int, seed: int, images: NDArray[np.uint8], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        corrupt(images, name, strength, seed=seed)
