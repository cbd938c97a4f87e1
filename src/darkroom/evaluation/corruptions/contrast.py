"""Less contrast: every pixel moves towards the mean colour of its image."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions.corruption import Corruption


def _contrast(images: NDArray[np.uint8], kept: float, _: np.random.Generator) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return mean + np.float32(kept) * (images - mean)


CONTRAST = Corruption((0.75, 0.5, 0.4, 0.3, 0.15), _contrast)  # the share kept of the distance to the mean
