"""Rotation about the centre, to either side."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from darkroom.evaluation.corruptions.corruption import Corruption


def _rotation(
    images: NDArray[np.uint8], degrees: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Rotate each image to the left or to the right; the corners are filled with the mirrored image."""
    left = generator.random(len(images)) < 0.5
    rotated = np.empty(images.shape, dtype=np.float32)
    for chosen, angle in ((left, degrees), (~left, -degrees)):
        rotated[chosen] = ndimage.rotate(
            images[chosen].astype(np.float32), angle, axes=(2, 1), reshape=False, order=1, mode="reflect"
        )
    return rotated


ROTATION = Corruption((5, 10, 15, 20, 30), _rotation)
