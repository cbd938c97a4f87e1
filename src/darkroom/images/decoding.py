"""From the bytes of any usual picture to the pixels that the model sees."""

import io
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # by content; names and types given are ignored
MAX_PIXELS = 50_000_000
MAX_SCANS = 100  # of a JPEG; each goes over all pixels again, so that a small file could take minutes

# decode() has a limit of its own that answers the client; Pillow's would only warn in the log.
Image.MAX_IMAGE_PIXELS = None


class PictureError(Exception):
    """A picture that cannot be used: `code` for programs, `message` for people, `status` for HTTP."""

    def __init__(self, code: str, message: str, status: int = 422) -> None:
        """Keep the three."""
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def decode(data: bytes) -> Image.Image:
    """Return the picture in `data`, upright, in mode `RGB` or `L`, 8 bits a channel.

    Of an animation the first frame; transparent parts on white; 16 bits scaled to 8; CMYK and
    palettes as RGB. The size is read from the header, before any pixel is decoded.

    Raises:
        PictureError: empty, not a picture, broken off, or over `MAX_PIXELS` or `MAX_SCANS`.
    """
    return load(open_picture(data))


def open_picture(data: bytes) -> Image.Image:
    """Return the picture in `data` with its size known and no pixel decoded.

    Raises:
        PictureError: empty, not a picture, or over `MAX_PIXELS` or `MAX_SCANS`.
    """
    if not data:
        raise PictureError("empty", "The file is empty (0 bytes). Send the bytes of a picture.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
    except Exception as error:  # on hostile bytes Pillow raises almost anything
        raise PictureError(
            "not_a_picture",
            f"These {len(data):,} bytes are no picture that can be read here. Send one of {_names()}.",
        ) from error
    if width * height > MAX_PIXELS:
        raise PictureError(
            "too_many_pixels",
            f"The picture has {width} × {height} = {width * height:,} pixels; at most {MAX_PIXELS:,} are "
            "accepted. Send it smaller.",
            413,
        )
    # the marker cannot be among a scan's own bytes; a TIFF may hold JPEGs
    if image.format in ("JPEG", "MPO", "TIFF") and (scans := data.count(b"\xff\xda")) > MAX_SCANS:
        raise PictureError(
            "too_many_scans",
            f"The picture is a JPEG in {scans:,} scans; at most {MAX_SCANS} are accepted. Save it anew.",
        )
    return image


def load(image: Image.Image) -> Image.Image:
    """Return an opened picture decoded, as `decode` does.

    Raises:
        PictureError: it cannot be decoded.
    """
    width, height = image.size
    kind = image.format
    try:
        image.load()
        with suppress(Exception):  # a damaged EXIF block is no reason to refuse a good picture
            ImageOps.exif_transpose(image, in_place=True)
        return _plain(image)
    except Exception as error:
        raise PictureError(
            "broken_picture",
            f"The file starts as a {width} × {height} {kind} picture but cannot be decoded: it is "
            "cut short or damaged. Send it again, whole.",
        ) from error


def _names() -> str:
    return ", ".join(FORMATS[:-1]) + " or " + FORMATS[-1]


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


def to_model_input(image: Image.Image, *, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """Return `image` (mode `RGB` or `L`) as the model sees it: uint8 `[height, width, channels]`.

    The largest centred part of the model's shape is resized with an antialiased bicubic filter:
    nothing is squeezed, shrinking averages all pixels instead of picking some, and enlarging stays
    smooth. A picture that already has the model's size arrives bit for bit.
    """
    if channels not in (1, 3):
        raise ValueError(f"the model takes {channels} channels; 1 (grey) or 3 (RGB) can be made")
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        scale = min(image.width / width, image.height / height)
        wide, high = width * scale, height * scale
        left, top = (image.width - wide) / 2, (image.height - high) / 2
        box = (left, top, min(left + wide, image.width), min(top + high, image.height))
        image = image.resize((width, height), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image, dtype=np.uint8).reshape(height, width, channels)


def to_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return uint8 `[H,W,C]` pixels, C 1 or 3, as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
