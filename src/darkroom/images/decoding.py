"""Decoding: from the bytes of an image file to an upright 8-bit image."""

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from .formats import ImageError, open_image

# open_image() has its own limit, which raises an error; Pillow's would only log a warning.
Image.MAX_IMAGE_PIXELS = None


def decode(data: bytes) -> Image.Image:
    """Return the image in `data`, upright, in mode `RGB` or `L`, 8 bits a channel.

    An animation gives its first frame. Transparent parts become white, 16 bits are scaled to 8, and CMYK
    and palettes are converted to RGB. The size is read from the header, before any pixel is decoded.

    Raises:
        ImageError: empty, not an image, truncated, or over `MAX_PIXELS` or `MAX_SCANS`.

    >>> import io
    >>> file = io.BytesIO()
    >>> Image.new("RGBA", (2, 1), (255, 0, 0, 0)).save(file, "PNG")  # transparent
    >>> image = decode(file.getvalue())
    >>> image.mode, image.size, image.getpixel((0, 0))
    ('RGB', (2, 1), (255, 255, 255))
    """
    return load(open_image(data))


def load(image: Image.Image) -> Image.Image:
    """Decode an image of `open_image`, with the result of `decode`.

    Raises:
        ImageError: it cannot be decoded.
    """
    width, height = image.size
    kind = image.format
    try:
        image.load()
        with suppress(Exception):  # a good image with a damaged EXIF block is accepted
            ImageOps.exif_transpose(image, in_place=True)
        return _to_8_bits(image)
    except Exception as error:
        raise ImageError(
            "broken_image",
            f"The file starts as a {width} × {height} {kind} image but cannot be decoded: it is "
            "truncated or damaged. Send the complete file.",
        ) from error


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Convert an image to mode `RGB` or `L`."""
    if image.mode.startswith("I;16"):
        # 65535 must become 255; Pillow's own conversion clips everything above 255
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        return Image.fromarray(_stretched(np.asarray(image, dtype=np.float64)))
    if image.has_transparency_data:
        if image.mode != "RGBA":
            image = image.convert("RGBA")
        background = Image.new("RGB", image.size, "white")
        background.paste(image, mask=image)
        return background
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _stretched(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Scale 32-bit values, which have no standard white level, from their own range to 0 to 255."""
    values = np.nan_to_num(values)
    low, high = float(values.min()), float(values.max())
    scale = 255.0 / (high - low) if high > low else 0.0
    return np.rint((values - low) * scale).astype(np.uint8)
