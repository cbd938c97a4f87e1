"""Decoding: from the bytes of an image file to an upright 8-bit image."""

from contextlib import suppress

from PIL import Image, ImageOps

from .colour_tags import profile_of
from .colours import lab_to_srgb, to_srgb
from .formats import NAMES, ImageError, open_image
from .samples import from_16_bits, from_32_bits


def decode(data: bytes) -> Image.Image:
    """Return the image in `data`, upright, in mode `RGB` or `L`, 8 bits a channel.

    An animation gives its first frame, a document its first page, an image with a gain map the image itself.
    Colours are converted to sRGB where the image has an ICC profile. Transparent parts become white, 16 bits
    are scaled to 8, and CMYK and palettes are converted to RGB. Values of 32 bits, whole or floating-point,
    have no standard white: the smallest becomes black and the largest white. The limits are checked before
    any pixel is decoded.

    Raises:
        ImageError: empty, not an accepted image, truncated, or over one of the limits in `limits`.

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
            # HEIC turns itself while it is decoded, and says so in its EXIF block
            ImageOps.exif_transpose(image, in_place=True)
        return _without_transparency(to_srgb(_to_8_bits(image), profile_of(image.info)))
    except Exception as error:
        raise ImageError(
            "broken_image",
            f"The file starts as a {width} × {height} {NAMES.get(str(kind), 'JPEG')} image but cannot be "
            "decoded: it is truncated or damaged, or of a kind that is not supported. Send the complete "
            "file, or save it as PNG or JPEG.",
        ) from error


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Convert an image to mode L, LA, RGB, RGBA or CMYK."""
    if image.mode.startswith("I;16"):
        return from_16_bits(image)
    if image.mode in ("I", "F"):
        return from_32_bits(image)
    if image.mode == "LAB":
        return lab_to_srgb(image)
    if image.mode == "La":  # as RGBa: colours that are multiplied by their opacity
        image = image.convert("LA")
    if image.has_transparency_data:
        return image if image.mode in ("LA", "RGBA") else image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "CMYK") else image.convert("RGB")


def _without_transparency(image: Image.Image) -> Image.Image:
    """Lay an image on white, and convert it to mode L or RGB."""
    if image.mode in ("LA", "RGBA"):
        image = image.convert("RGBA")
        background = Image.new("RGB", image.size, "white")
        background.paste(image, mask=image)
        return background
    return image if image.mode == "L" else image.convert("RGB")
