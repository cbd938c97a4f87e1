"""Pixelation: blocks of their mean colour."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.evaluation.corruptions.corruption import Corruption, change_each, pixel_scale

BLOCKS = (0.95, 0.9, 0.85, 0.75, 0.65)  # blocks a pixel, along a side of 32


def _pixelate(images: NDArray[np.uint8], share: float, _: np.random.Generator) -> NDArray[np.float32]:
    height, width = images.shape[1:3]
    block = 1 + (1 / share - 1) * pixel_scale(images)
    # Each strength loses at least one more pixel a side than the one before: small images change too.
    least = BLOCKS.index(share) + 1
    across, down = (max(1, min(round(pixels / block), pixels - least)) for pixels in (width, height))
    return change_each(
        images,
        lambda image: image.resize((across, down), Image.Resampling.BOX).resize(
            (width, height), Image.Resampling.NEAREST
        ),
    )


PIXELATE = Corruption(BLOCKS, _pixelate)
