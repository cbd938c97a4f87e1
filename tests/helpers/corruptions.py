"""Images to degrade, and how much two sets of images differ."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage


def photographs(count: int, height: int = 32, width: int = 32, channels: int = 3) -> NDArray[np.uint8]:
    """Return images as smooth as photographs, each with an object that has edges: uint8 [N,H,W,C]."""
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
    """Return the images resized to a side of so many pixels."""
    large = [Image.fromarray(image.squeeze()).resize((side, side)) for image in images]
    return np.stack([np.asarray(image) for image in large]).reshape(len(images), side, side, -1)


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return each image's mean absolute difference."""
    return np.asarray(np.abs(one.astype(np.float64) - other).mean(axis=(1, 2, 3)))
