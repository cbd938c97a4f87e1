"""What holds for every corruption: strengths, seeds, chunks, sizes and errors."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.evaluation.corruptions import CORRUPTIONS, STRENGTHS, apply
from darkroom.evaluation.corruptions.apply import corrupt
from tests.helpers.corruptions import difference, enlarged, photographs
from tests.helpers.training import digits

DRAWN = ["noise", "fog", "rotation"]


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
def test_each_strength_changes_each_image_more_than_the_one_before(name: str, kind: str) -> None:
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
def test_only_noise_fog_and_rotation_depend_on_the_seed(name: str) -> None:
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
    monkeypatch.setattr(apply, "CHUNK_VALUES", 2 * images[0].size)
    assert np.array_equal(corrupt(images, name, 4, seed=3), whole)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_no_images_and_the_smallest_images_are_accepted(name: str) -> None:
    assert corrupt(photographs(0), name, 1, seed=0).shape == (0, 32, 32, 3)
    small = photographs(3, height=2, width=3)
    for strength in STRENGTHS:
        assert corrupt(small, name, strength, seed=0).shape == small.shape


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_memory_mapped_images_are_accepted(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("mapped") / "images.npy"
    images = photographs(4)
    np.save(path, images)
    changed = corrupt(np.load(path, mmap_mode="r"), name, 2, seed=0)
    assert type(changed) is np.ndarray
    assert np.array_equal(changed, corrupt(images, name, 2, seed=0))


@pytest.mark.parametrize("name", ["blur", "rotation"])
def test_blur_and_rotation_scale_with_the_size_of_the_image(name: str) -> None:
    images = photographs(40)
    large = enlarged(images, 96)
    for strength in STRENGTHS[2:]:  # a narrower Gaussian falls between the pixels of the small ones
        small_hit = difference(corrupt(images, name, strength, seed=0), images).mean()
        large_hit = difference(corrupt(large, name, strength, seed=0), large).mean()
        assert large_hit == pytest.approx(small_hit, rel=0.4)


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
def test_impossible_arguments_are_rejected(
    name: str, strength: int, seed: int, images: NDArray[np.uint8], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        corrupt(images, name, strength, seed=seed)
