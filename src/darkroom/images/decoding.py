"""From the bytes of any usual image to the pixels that the model sees."""

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from .formats import ImageError, open_image

# decode() has a limit of its own that answers the client; Pillow's would only warn in the log.
Image.MAX_IMAGE_PIXELS = None


def decode(data: bytes) -> Image.Image:
    """Return the image in `data`, upright, in mode `RGB` or `L`, 8 bits a channel.

    Of an animation the first frame; transparent parts on white; 16 bits scaled to 8; CMYK and
    palettes as RGB. The size is read from the header, before any pixel is decoded.

    Raises:
        ImageError: empty, not an image, broken off, or over `MAX_PIXELS` or `MAX_SCANS`.
    """
    return load(open_image(data))


def load(image: Image.Image) -> Image.Image:
    """Return an opened image decoded, as `decode` does.

    Raises:
        ImageError: it cannot be decoded.
    """
    width, height = image.size
    kind = image.format
    try:
        image.load()
        with suppress(Exception):  # a damaged EXIF block is no reason to refuse a good image
            ImageOps.exif_transpose(image, in_place=True)
        return _plain(image)
    except Exception as error:
        raise ImageError(
            "broken_image",
            f"The file starts as a {width} × {height} {kind} image but cannot be decoded: it is "
            "cut short or damaged. Send it again, whole.",
        ) from error


def _plain(image: Image.Image) -> Image.Image:
    """Return the pixels in mode `RGB` or `L`."""
    if image.mode.startswith("I;16"):
        # 65535 must become 255; Pillow's own conversion cuts everything above 255 off
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        return Image.fromarray(_stretched(np.asarray(image, dtype=np.float64)))
    if image.has_transparency_data:
        if image.mode != "RGBA":
            image = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image)
        return paper
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _stretched(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Map 32-bit values, which have no agreed white, from their own range onto 0 to 255."""
    values = np.nan_to_num(values)
    low, high = float(values.min()), float(values.max())
    scale = 255.0 / (high - low) if high > low else 0.0
    return np.rint((values - low) * scale).astype(np.uint8)
