"""Resizing: from a decoded image to the input of a model."""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Fit = Literal["crop", "pad", "squeeze"]
FITS: tuple[Fit, ...] = ("crop", "pad", "squeeze")
MARGIN = 128  # the grey around an image that is padded: neither dark nor bright


def to_model_input(
    image: Image.Image, *, height: int, width: int, channels: int, fit: Fit = "crop"
) -> NDArray[np.uint8]:
    """Return `image` (mode `RGB` or `L`) as the model sees it: uint8 `[height, width, channels]`.

    The filter is bicubic and antialiased: shrinking averages all pixels, and enlarging is smooth. An image
    that already has the model's size is returned bit for bit.

    Args:
        image: upright.
        height: of the model's input, in pixels.
        width: of the model's input, in pixels.
        channels: of the model's input, 1 (grey) or 3 (RGB).
        fit: what becomes of another aspect ratio. crop: the largest centred part with the model's; pad: the
            whole image, undistorted, between grey margins; squeeze: the whole image, distorted.

    Raises:
        ValueError: `channels` or `fit` is none of these.

    >>> to_model_input(Image.new("RGB", (640, 480), "white"), height=2, width=2, channels=1).tolist()
    [[[255], [255]], [[255], [255]]]
    >>> to_model_input(Image.new("L", (8, 4), "white"), height=4, width=4, channels=1, fit="pad")[:, 0, 0]
    array([128, 255, 255, 128], dtype=uint8)
    """
    if channels not in (1, 3):
        raise ValueError(f"the model takes {channels} channels; supported are 1 (grey) and 3 (RGB)")
    if fit not in FITS:
        raise ValueError(f"fit is {fit!r}; supported are {', '.join(FITS)}")
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = _RESIZED[fit](image, width, height)
    return np.asarray(image, dtype=np.uint8).reshape(height, width, channels)


def _crop(image: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(image.width / width, image.height / height)
    wide, high = width * scale, height * scale
    # rounding may place the part outside the image, by a billionth of a pixel, which Pillow refuses
    left, top = max(0.0, (image.width - wide) / 2), max(0.0, (image.height - high) / 2)
    box = (left, top, min(left + wide, image.width), min(top + high, image.height))
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box)


def _pad(image: Image.Image, width: int, height: int) -> Image.Image:
    scale = max(image.width / width, image.height / height)
    wide, high = max(1, round(image.width / scale)), max(1, round(image.height / scale))
    padded = Image.new(image.mode, (width, height), (MARGIN,) * len(image.getbands()))
    resized = image.resize((wide, high), Image.Resampling.BICUBIC)
    padded.paste(resized, ((width - wide) // 2, (height - high) // 2))
    return padded


def _squeeze(image: Image.Image, width: int, height: int) -> Image.Image:
    return image.resize((width, height), Image.Resampling.BICUBIC)


_RESIZED = {"crop": _crop, "pad": _pad, "squeeze": _squeeze}


def to_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return uint8 `[H,W,C]` pixels, C 1 or 3, as the bytes of a PNG file.

    >>> to_png(np.zeros((2, 2, 1), np.uint8))[1:4]
    b'PNG'
    """
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
