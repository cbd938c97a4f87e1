"""Gaussian noise on every value, independent of the size of the image."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions.corruption import Corruption


def _noise(
    images: NDArray[np.uint8], deviation: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    drawn = generator.standard_normal(images.shape, dtype=np.float32)
    return images + np.float32(255 * deviation) * drawn


NOISE = Corruption((0.04, 0.06, 0.08, 0.09, 0.10), _noise)  # standard deviation; white is 1
