"""The accepted image formats, and the limits that are checked before decoding."""

import io

from PIL import Image

FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "GIF",
    "BMP",
    "TIFF",
)  # recognised by content, whatever a file's name or media type
MAX_PIXELS = 50_000_000
MAX_SCANS = 100  # of a JPEG; each scan covers all pixels again, so a small file could take minutes


class ImageError(Exception):
    """An image that cannot be used.

    Attributes:
        code: for programs; each reason has one.
        message: for people: what is wrong, and what to do.
        status: of the HTTP response.
    """

    def __init__(self, code: str, message: str, status: int = 422) -> None:
        """Describe what is wrong."""
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def open_image(data: bytes) -> Image.Image:
    """Return the image in `data`, of which only the header is read: its size is known, no pixel is decoded.

    Raises:
        ImageError: empty, not an image, or over `MAX_PIXELS` or `MAX_SCANS`.
    """
    if not data:
        raise ImageError("empty", "The file is empty (0 bytes). Send the bytes of an image.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
    except Exception as error:  # Pillow raises almost any type on hostile bytes
        raise ImageError(
            "not_an_image",
            f"These {len(data):,} bytes are not an image in an accepted format. Send one of {_names()}.",
        ) from error
    if width * height > MAX_PIXELS:
        raise ImageError(
            "too_many_pixels",
            f"The image has {width} × {height} = {width * height:,} pixels; at most {MAX_PIXELS:,} are "
            "accepted. Send a smaller one.",
            413,
        )
    # the data of a scan cannot contain this marker; a TIFF may contain JPEGs
    if image.format in ("JPEG", "MPO", "TIFF") and (scans := data.count(b"\xff\xda")) > MAX_SCANS:
        raise ImageError(
            "too_many_scans",
            f"The image is a JPEG in {scans:,} scans; at most {MAX_SCANS} are accepted. Save it again.",
        )
    return image


def _names() -> str:
    return ", ".join(FORMATS[:-1]) + " or " + FORMATS[-1]
