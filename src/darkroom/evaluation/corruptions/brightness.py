"""More brightness: the same added to every value."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions.corruption import Corruption


def _brightness(images: NDArray[np.uint8], added: float, _: np.random.Generator) -> NDArray[np.float32]:
    return images + np.float32(255 * added)


BRIGHTNESS = Corruption((0.05, 0.1, 0.15, 0.2, 0.3), _brightness)  # what is added; white is 1
