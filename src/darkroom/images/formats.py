"""The accepted image formats, and opening an image, which checks the limits before decoding."""

import io
import struct
from contextlib import suppress

from PIL import AvifImagePlugin, Image

from .colour_tags import heif_code_points, png_code_points
from .errors import ImageError as ImageError
from .heif_boxes import read_heif
from .limits import MAX_PIXELS as MAX_PIXELS
from .limits import MAX_SCANS as MAX_SCANS
from .limits import check_heif, check_jpeg2000, check_parts, check_size, check_structure
from .native_messages import silence
from .tiff_tags import SIGNATURES as TIFF_SIGNATURES
from .tiff_tags import read_tags
from .unsupported import describe, describe_raw

# Pillow's names, and those for people; recognised by content, whatever a file's name or media type
NAMES = {
    "PNG": "PNG",
    "JPEG": "JPEG",
    "WEBP": "WebP",
    "HEIF": "HEIC",
    "AVIF": "AVIF",
    "JPEG2000": "JPEG 2000",
    "GIF": "GIF",
    "BMP": "BMP",
    "TIFF": "TIFF",
    "PPM": "PNM",
}
with suppress(ImportError):  # pillow-heif can be left out for its licence: docs/dependencies.md
    import pillow_heif

    # one thread, as for the other formats: the service decodes several images at once
    pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)
FORMATS = tuple(name for name in NAMES if name != "HEIF" or "HEIF" in Image.OPEN)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# open_image() has its own limit, which raises an error; Pillow's would only log a warning.
Image.MAX_IMAGE_PIXELS = None
silence()
_STARTS = (
    (0, b"\x89PNG", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (8, b"WEBP", "WEBP"),
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    *((0, signature, "TIFF") for signature in TIFF_SIGNATURES),
    (0, b"\0\0\0\x0cjP  ", "JPEG2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG2000"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphei", "HEIF"),
    (4, b"ftyphev", "HEIF"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypmsf1", "HEIF"),
    *((0, b"P%d" % number, "PPM") for number in range(1, 7)),
)


def accepted_names() -> str:
    """Return the accepted formats as people call them: "PNG, JPEG, … or TIFF"."""
    names = [NAMES[name] for name in FORMATS]
    return ", ".join(names[:-1]) + " or " + names[-1]


def open_image(data: bytes) -> Image.Image:
    """Return the image in `data`, of which only the header is read: its size is known, no pixel is decoded.

    Raises:
        ImageError: empty, not an image in an accepted format, or over one of the limits in `limits`.
    """
    if not data:
        raise ImageError("empty", "The file is empty (0 bytes). Use a file with an image.")
    start = next((name for offset, mark, name in _STARTS if data.startswith(mark, offset)), "")
    if not start and (sentence := describe(data)):
        raise ImageError("not_an_image", f"{sentence} Accepted are {accepted_names()}.")
    try:
        formats, points = FORMATS, None
        if start == "TIFF":
            _check_tiff(data)
        elif start == "JPEG2000":
            check_jpeg2000(data)
        elif start in ("HEIF", "AVIF"):
            formats, points = _check_heif(data)
        image = Image.open(io.BytesIO(data), formats=formats)
        width, height = image.size
        check_size(width, height)
        check_structure(image, data)
        if start == "PNG":
            points = png_code_points(data)
        if start == "PNG" or "icc_profile" not in image.info:
            image.info["code_points"] = points
    except ImageError:
        raise
    except Exception as error:  # Pillow raises almost any type on hostile bytes
        raise _not_opened(data, start) from error
    return image


def _check_tiff(data: bytes) -> None:
    try:
        tags = read_tags(data)
    except struct.error:  # damaged, which Pillow tells
        return
    if sentence := describe_raw(tags, data):
        raise ImageError("not_an_image", f"{sentence} Accepted are {accepted_names()}.")
    check_parts(tags)


def _check_heif(data: bytes) -> tuple[tuple[str, ...], tuple[int, int] | None]:
    """Check a HEIC or AVIF; return which format of Pillow decodes it, and the code points of its colours."""
    file = read_heif(data)
    check_heif(file)
    if file.sequence or file.codec == b"av01":
        return ("AVIF",), heif_code_points(file)
    if file.codec not in (b"hvc1", b"hev1"):
        codec = ascii(file.codec.decode("latin-1").strip() or "unknown")
        raise ImageError(
            "not_an_image",
            f"This HEIF file holds no still image in HEVC or AV1 (its codec: {codec}); save it as JPEG or "
            "PNG.",
        )
    if "HEIF" not in FORMATS:
        raise ImageError(
            "not_an_image",
            "This is a HEIC image, which is not accepted here: pillow-heif is not installed; save it as JPEG "
            "or PNG.",
        )
    return ("HEIF",), heif_code_points(file)


def _not_opened(data: bytes, start: str) -> ImageError:
    if start and _is_unsupported(data, start):
        return ImageError(
            "not_an_image",
            f"This is {NAMES[start]} in a variant that cannot be read here; save it as PNG or JPEG.",
        )
    if start:
        return ImageError(
            "not_an_image",
            f"These {len(data):,} bytes start like {NAMES[start]}, but the header is damaged, cut short or "
            "of a kind that is not supported. Use the complete file, or save it as PNG or JPEG.",
        )
    return ImageError(
        "not_an_image",
        f"These {len(data):,} bytes are not an image in an accepted format, nor anything else that is known "
        f"by name. Use one of {accepted_names()}.",
    )


def _is_unsupported(data: bytes, start: str) -> bool:
    """Return whether Pillow refuses a file of this format for its kind, not for damage."""
    if start not in Image.OPEN:
        return False
    try:
        Image.OPEN[start][0](io.BytesIO(data), "")
    except Exception as error:  # of any type; Image.open() hides it
        return any(word in str(error).lower() for word in ("unsupported", "unknown", "unable to determine"))
    return False
