"""Decoding: from the bytes of an image file to an upright 8-bit image."""

from contextlib import suppress

from PIL import ExifTags, Image, ImageOps

from .colour_tags import profile_of
from .colours import lab_to_srgb, to_srgb
from .formats import NAMES, ImageError, open_image
from .resizing import Fit
from .samples import from_16_bits, from_32_bits

TURNED = 5  # from this EXIF orientation on, width and height change places
KEPT = 2  # times the model's size that is decoded at least, so that the antialiased filter decides
LEAST_SIDE = 128  # pixels that are decoded at least: what the scan computes of an image needs no more


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
            "decoded: it is truncated or damaged, or of a kind that is not supported. Use the complete "
            "file, or save it as PNG or JPEG.",
        ) from error


def load_for_model(image: Image.Image, *, height: int, width: int, fit: Fit) -> Image.Image:
    """Decode an image of `open_image` as `load` does; a large JPEG only as large as the model needs it.

    The JPEG decoder can skip the finest details: a half, a quarter or an eighth of each side comes out, in
    a fraction of the time and the memory. At least twice the model's size is kept, and `LEAST_SIDE` pixels.
    Everything that makes pixels for a model decodes with this function, in training as in the service.

    Args:
        image: of `open_image`.
        height: of the model's input, in pixels.
        width: of the model's input, in pixels.
        fit: as in `to_model_input`.

    Raises:
        ImageError: it cannot be decoded.
    """
    if image.format in ("JPEG", "MPO"):
        wide, high = image.size
        if _orientation(image) >= TURNED:
            wide, high = high, wide
        across, down = wide / width, high / height
        scale = max(across, down) if fit == "pad" else min(across, down)
        scale = min(scale / KEPT, min(wide, high) / LEAST_SIDE)
        reduced = max((part for part in (2, 4, 8) if part <= scale), default=1)
        if reduced > 1:
            image.draft(None, (image.width // reduced, image.height // reduced))
    return load(image)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a damaged block of EXIF: `load` ignores it too
        return 1


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
