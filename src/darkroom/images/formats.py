"""Which image formats are read, and the limits before decoding."""

import io

from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # by content; names and types given are ignored
MAX_PIXELS = 50_000_000
MAX_SCANS = 100  # of a JPEG; each goes over all pixels again, so that a small file could take minutes


class ImageError(Exception):
    """An image that cannot be used: `code` for programs, `message` for people, `status` for HTTP."""

    def __init__(self, code: str, message: str, status: int = 422) -> None:
        """Keep the three."""
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def open_image(data: bytes) -> Image.Image:
    """Return the image in `data` with its size known and no pixel decoded.

    Raises:
        ImageError: empty, not an image, or over `MAX_PIXELS` or `MAX_SCANS`.
    """
    if not data:
        raise ImageError("empty", "The file is empty (0 bytes). Send the bytes of an image.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
    except Exception as error:  # on hostile bytes Pillow raises almost anything
        raise ImageError(
            "not_an_image",
            f"These {len(data):,} bytes are no image that can be read here. Send one of {_names()}.",
        ) from error
    if width * height > MAX_PIXELS:
        raise ImageError(
            "too_many_pixels",
            f"The image has {width} × {height} = {width * height:,} pixels; at most {MAX_PIXELS:,} are "
            "accepted. Send it smaller.",
            413,
        )
    # the marker cannot be among a scan's own bytes; a TIFF may hold JPEGs
    if image.format in ("JPEG", "MPO", "TIFF") and (scans := data.count(b"\xff\xda")) > MAX_SCANS:
        raise ImageError(
            "too_many_scans",
            f"The image is a JPEG in {scans:,} scans; at most {MAX_SCANS} are accepted. Save it anew.",
        )
    return image


def _names() -> str:
    return ", ".join(FORMATS[:-1]) + " or " + FORMATS[-1]
