"""Resizing: from a decoded image to the input of a model."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def to_model_input(image: Image.Image, *, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """Return `image` (mode `RGB` or `L`) as the model sees it: uint8 `[height, width, channels]`.

    The largest centred part with the model's aspect ratio is resized with an antialiased bicubic filter:
    nothing is distorted, shrinking averages all pixels, and enlarging is smooth. An image that already has
    the model's size is returned bit for bit.

    Raises:
        ValueError: `channels` is neither 1 (grey) nor 3 (RGB).

    >>> to_model_input(Image.new("RGB", (640, 480), "white"), height=2, width=2, channels=1).tolist()
    [[[255], [255]], [[255], [255]]]
    """
    if channels not in (1, 3):
        raise ValueError(f"the model takes {channels} channels; supported are 1 (grey) and 3 (RGB)")
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        scale = min(image.width / width, image.height / height)
        wide, high = width * scale, height * scale
        # rounding may place the part outside the image, by a billionth of a pixel, which Pillow refuses
        left, top = max(0.0, (image.width - wide) / 2), max(0.0, (image.height - high) / 2)
        box = (left, top, min(left + wide, image.width), min(top + high, image.height))
        image = image.resize((width, height), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image, dtype=np.uint8).reshape(height, width, channels)


def to_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return uint8 `[H,W,C]` pixels, C 1 or 3, as the bytes of a PNG file.

    >>> to_png(np.zeros((2, 2, 1), np.uint8))[1:4]
    b'PNG'
    """
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
