"""JPEG compression."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.evaluation.corruptions.corruption import Corruption, change_each


def _jpeg(images: NDArray[np.uint8], quality: float, _: np.random.Generator) -> NDArray[np.float32]:
    def compressed(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=int(quality))
        return Image.open(file)

    return change_each(images, compressed)


JPEG = Corruption((80, 65, 58, 50, 40), _jpeg)  # Pillow's quality
