"""Gaussian blur."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from darkroom.evaluation.corruptions.corruption import Corruption, pixel_scale


def _blur(images: NDArray[np.uint8], deviation: float, _: np.random.Generator) -> NDArray[np.float32]:
    deviation *= pixel_scale(images)
    blurred: NDArray[np.float32] = ndimage.gaussian_filter(
        images.astype(np.float32), (0, deviation, deviation, 0), mode="reflect"
    )
    return blurred


BLUR = Corruption((0.4, 0.6, 0.7, 0.8, 1.0), _blur)  # standard deviation, in pixels of a side of 32
