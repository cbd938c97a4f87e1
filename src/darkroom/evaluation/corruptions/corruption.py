"""What a corruption is, and what several of them compute with."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32  # pixels of a side of the images that the levels in pixels are meant for


@dataclass(frozen=True)
class Corruption:
    """A way to degrade images.

    Attributes:
        levels: a number for each strength, from the weakest.
        apply: takes images uint8 [N,H,W,C], a level and a generator to draw from, and returns the degraded
            images as float32 of the same shape, not yet rounded or cut to 0..255.
    """

    levels: tuple[float, float, float, float, float]
    apply: Callable[[NDArray[np.uint8], float, np.random.Generator], NDArray[np.float32]]


def pixel_scale(images: NDArray[np.uint8]) -> float:
    """Return how many pixels of these images a pixel of an image with a side of 32 is, at least 1.

    >>> pixel_scale(np.zeros((1, 64, 96, 3), dtype=np.uint8))
    2.0
    """
    return max(1.0, float(min(images.shape[1:3])) / SIDE)


def change_each(
    images: NDArray[np.uint8], change: Callable[[Image.Image], Image.Image]
) -> NDArray[np.float32]:
    """Return the images after `change`, which takes and returns one at a time as Pillow's image."""
    changed = np.empty(images.shape, dtype=np.float32)
    for place, image in enumerate(images):
        result = change(Image.fromarray(image[..., 0] if image.shape[2] == 1 else image))
        changed[place] = np.asarray(result).reshape(image.shape)
    return changed
