"""Augmentation: each transformation against what torch's own operations give."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.data.augmentation import augment
from darkroom.data.flips import mirrored

FILL = torch.tensor([7, 8, 9], dtype=torch.uint8)


def random_images(batch: int = 16, height: int = 6, width: int = 5, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(10, 256, (batch, height, width, channels), generator=generator).to(torch.uint8)


def changed(x: Tensor, *, mirror: bool = False, translate: int = 0, cutout: int = 0, seed: int = 0) -> Tensor:
    return augment(
        x,
        torch.full((len(x),), mirror),
        translate=translate,
        cutout=cutout,
        fill=FILL[: x.shape[3]],
        generator=torch.Generator().manual_seed(seed),
    )


def test_without_any_transformation_images_are_unchanged() -> None:
    assert torch.equal(changed(random_images()), random_images())


def test_only_the_chosen_images_are_mirrored() -> None:
    x = random_images()
    which = torch.arange(len(x)) % 3 == 0
    out = augment(x, which, translate=0, cutout=0, fill=FILL, generator=torch.Generator())
    assert torch.equal(out[which], x[which].flip(2))
    assert torch.equal(out[~which], x[~which])


@pytest.mark.parametrize("mirror", [False, True])
def test_translation_is_a_crop_of_the_reflected_image(mirror: bool) -> None:
    x = random_images(1).expand(500, -1, -1, -1)
    padded = F.pad(x[0].permute(2, 0, 1).float(), (2, 2, 2, 2), mode="reflect")
    crops = {}
    for down in range(5):
        for right in range(5):
            crop = padded[:, down : down + 6, right : right + 5].permute(1, 2, 0).to(torch.uint8)
            crops[(crop.flip(1) if mirror else crop).numpy().tobytes()] = (down, right)
    assert len(crops) == 25
    out = changed(x, mirror=mirror, translate=2)
    shifts = [crops.get(image.numpy().tobytes()) for image in out]
    assert None not in shifts, "an image is not a crop of the padded one"
    assert set(shifts) == set(crops.values()), "every shift comes up"


@pytest.mark.parametrize("side", [1, 2, 3])
def test_cutout_is_a_square_of_the_fill_colour(side: int) -> None:
    x = random_images(300)
    out = changed(x, cutout=side)
    filled = (out == FILL).all(3)
    assert torch.equal(out[~filled], x[~filled])
    counts = filled.sum((1, 2))
    assert counts.min() >= 1
    assert counts.max() == side**2
    tall, wide = filled.any(2).sum(1), filled.any(1).sum(1)
    assert torch.equal(tall * wide, counts), "it is a rectangle"
    assert filled.any(0).all(), "it comes to every place"


def test_only_the_generator_decides() -> None:
    x = random_images()
    first = changed(x, translate=2, cutout=2, seed=3)
    torch.rand(5)  # the global state has no effect
    assert torch.equal(changed(x, translate=2, cutout=2, seed=3), first)
    assert not torch.equal(changed(x, translate=2, cutout=2, seed=4), first)
    assert torch.equal(x, random_images()), "the images given stay as they are"


@pytest.mark.parametrize(("height", "width", "channels"), [(6, 5, 3), (8, 8, 1), (1, 1, 1), (4, 1, 3)])
def test_shape_and_dtype_are_kept(height: int, width: int, channels: int) -> None:
    x = random_images(9, height, width, channels)
    out = changed(x, mirror=True, translate=9, cutout=20)
    assert out.shape == x.shape
    assert out.dtype == torch.uint8
    if width == 1:
        assert torch.equal(changed(x, mirror=True), x)


def test_two_epochs_show_each_image_both_ways() -> None:
    epochs = [mirrored(1000, epoch, seed=5, flip="alternating") for epoch in range(4)]
    for one, other in pairwise(epochs):
        assert torch.equal(one, ~other)
    assert 400 < int(epochs[0].sum()) < 600, "the first time by chance"
    assert not torch.equal(epochs[0], mirrored(1000, 0, seed=6, flip="alternating"))


def test_no_flip_mirrors_nothing() -> None:
    assert not any(mirrored(100, epoch, seed=0, flip="none").any() for epoch in range(3))
