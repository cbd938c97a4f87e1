"""Recognising altered copies of held-out images.

A copy seldom comes back as it was: it was enlarged, framed, rotated a little or cropped. So the variants of
an image undo what is usually done, and each is compared with the held-out images and, for copies that were
cropped, with their inner parts. `python -m benchmarks.leaks` measures how many altered copies this finds.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.data.duplicates import near_duplicates

FILTERS = tuple(Image.Resampling[name] for name in ("NEAREST", "BOX", "BILINEAR", "LANCZOS"))
CUTS = (0.04, 0.08, 0.12)  # of the image, on each side
ROTATIONS = (-10, -5, 5, 10)  # degrees
LARGE = 8  # times the model's size: images are rotated at this size at least
# A wrong refusal costs an image, a leak the test. So a correction that is twice as far from a held-out
# image as the report on duplicates allows still counts as a copy.
TOLERANCE = 2.0


def variants(image: Image.Image, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what an image may be an altered copy of.

    It is resized by several filters, cropped as if it had a frame, and rotated back.

    Args:
        image: decoded, of any size.
        pixels: the same as the model's input, uint8 [H,W,C].

    Returns:
        uint8 [V,H,W,C]; the first is `pixels`.

    Example:
        >>> pixels = np.zeros((32, 32, 3), dtype=np.uint8)
        >>> variants(Image.fromarray(pixels), pixels).shape
        (12, 32, 32, 3)
    """
    height, width, channels = pixels.shape
    image = image.convert("L" if channels == 1 else "RGB")
    found = [pixels]
    found += [np.asarray(image.resize((width, height), each)).reshape(pixels.shape) for each in FILTERS]
    size = (max(image.width, LARGE * width), max(image.height, LARGE * height))
    large = image.resize((min(size[0], 4 * LARGE * width), min(size[1], 4 * LARGE * height)))
    found += [_inner_part(large, cut, pixels.shape) for cut in CUTS]
    rotated = (large.rotate(degrees, Image.Resampling.BICUBIC) for degrees in ROTATIONS)
    found += [_inner_part(each, CUTS[-1], pixels.shape) for each in rotated]  # a rotation loses the corners
    return np.stack(found)


def find_copies(
    images: Sequence[NDArray[np.uint8]], held_out: NDArray[np.uint8], *, similarity: float, mirror: bool
) -> dict[int, tuple[int, float]]:
    """Find the images that are probably altered copies of held-out ones.

    Args:
        images: the `variants` of each image, uint8 [V,H,W,C].
        held_out: uint8 [N,H,W,C].
        similarity: from which on two images count as duplicates, see `duplicates.near_duplicates`. Here
            images count that differ by up to `TOLERANCE` times as much.
        mirror: whether mirrored copies count.

    Returns:
        For each copy, by its place in `images`: the place of the most similar held-out image and the
        similarity.

    Example:
        >>> held_out = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
        >>> copy = variants(Image.fromarray(held_out[2]), held_out[2])
        >>> find_copies([copy], held_out, similarity=0.9, mirror=False)
        {0: (2, 1.0)}
    """
    owner = np.repeat(np.arange(len(images)), [len(each) for each in images])
    parts = {"whole": held_out}
    parts |= {str(cut): np.stack([_cropped(image, cut) for image in held_out]) for cut in CUTS}
    limit = 1 - TOLERANCE * (1 - similarity)
    found = near_duplicates(np.concatenate(images), parts, similarity=limit, mirror=mirror)
    copies: dict[int, tuple[int, float]] = {}
    # the most similar come first: of the variants of an image the first one counts
    for variant, place, value in zip(found["test_index"], found["index"], found["similarity"], strict=True):
        copies.setdefault(int(owner[variant]), (int(place), float(value)))
    return copies


def _cropped(pixels: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Return the inner part of an image [H,W,C], enlarged to its size."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return _inner_part(image, share, pixels.shape)


def _inner_part(image: Image.Image, share: float, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an image without a share of it on each side, resized to `shape` [H,W,C], uint8."""
    across, down = share * image.width, share * image.height
    box = (across, down, image.width - across, image.height - down)
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=box)).reshape(shape)
