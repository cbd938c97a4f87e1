"""The limits that are checked before any pixel is decoded."""

from PIL import Image

from .errors import ImageError
from .heif_boxes import HeifFile
from .jpeg2000 import read_code_stream
from .tiff_tags import STRIP_OFFSETS, TILE_OFFSETS, Tag

MAX_PIXELS = 50_000_000
MAX_SCANS = 100  # of a JPEG; each scan covers all pixels again, so a small file could take minutes
MAX_CODED_PIXELS = 2 * MAX_PIXELS  # of a HEIC or AVIF with its tiles and its transparency
MAX_PARTS = 50_000  # strips or tiles of a TIFF; each costs a call
MAX_TILES = (
    10_000  # of a JPEG 2000; its decoder makes room for all at once, some kilobytes for each component
)
MAX_COMPONENTS = 5  # of a JPEG 2000: CMYK and transparency
MAX_LAYERS = 1_000  # of quality, of a JPEG 2000
MAX_SLOW_BYTES = 500_000  # of a PNM that Pillow reads in Python: about a megabyte a second
_SLOW_DECODERS = ("ppm", "ppm_plain")  # Pillow's names


def check_size(width: int, height: int) -> None:
    """Refuse an image with too many pixels.

    Raises:
        ImageError: 413, over `MAX_PIXELS`.
    """
    if width * height > MAX_PIXELS:
        raise ImageError(
            "too_many_pixels",
            f"The image has {width} × {height} = {width * height:,} pixels; at most {MAX_PIXELS:,} are "
            "accepted. Use a smaller one.",
            413,
        )


def check_heif(file: HeifFile) -> None:
    """Refuse a HEIC or AVIF image that would decode many more pixels than it shows.

    Raises:
        ImageError: 413, over `MAX_CODED_PIXELS`.
    """
    if (coded := file.decoded_pixels()) > MAX_CODED_PIXELS:
        raise ImageError(
            "too_many_pixels",
            f"The image consists of coded parts with {coded:,} pixels in all; at most {MAX_CODED_PIXELS:,} "
            "are accepted. Use a smaller one.",
            413,
        )


def check_parts(tags: dict[int, Tag]) -> None:
    """Refuse a TIFF in very many strips or tiles, of each of which Pillow makes an object when it opens it.

    Raises:
        ImageError: over `MAX_PARTS`.
    """
    parts = max((tags[tag].values for tag in (STRIP_OFFSETS, TILE_OFFSETS) if tag in tags), default=0)
    if parts > MAX_PARTS:
        raise _complex(
            "too_many_parts", f"is a TIFF in {parts:,} strips or tiles; at most {MAX_PARTS:,} are accepted"
        )


def check_structure(image: Image.Image, data: bytes) -> None:
    """Refuse an opened image whose small file would keep its decoder busy for long, or take much memory.

    Raises:
        ImageError: over a limit of this file, or a structure that cannot be read.
    """
    # the data of a scan cannot contain this marker; a TIFF may contain JPEGs
    if image.format in ("JPEG", "MPO", "TIFF") and (scans := data.count(b"\xff\xda")) > MAX_SCANS:
        raise _complex("too_many_scans", f"is a JPEG in {scans:,} scans; at most {MAX_SCANS} are accepted")
    slow = any(tile[0] in _SLOW_DECODERS for tile in getattr(image, "tile", ()))
    if slow and len(data) > MAX_SLOW_BYTES:
        raise _complex(
            "too_slow_format",
            f"is a PNM of {len(data):,} bytes, written as text or with a white level other than 255 or "
            f"65535, which is slow to read; at most {MAX_SLOW_BYTES:,} are accepted",
        )


def check_jpeg2000(data: bytes) -> None:
    """Refuse a JPEG 2000 by what the header of its data states, which its container may state otherwise.

    Raises:
        ImageError: over `MAX_PIXELS`, `MAX_TILES`, `MAX_COMPONENTS` or `MAX_LAYERS`.
        ValueError, struct.error: the header is damaged.
    """
    stream = read_code_stream(data)
    check_size(stream.width, stream.height)
    for count, limit, name in (
        (stream.tiles, MAX_TILES, "tiles"),
        (stream.components, MAX_COMPONENTS, "components"),
        (stream.layers, MAX_LAYERS, "layers"),
    ):
        if count > limit:
            raise _complex(
                "too_many_parts", f"is a JPEG 2000 in {count:,} {name}; at most {limit:,} are accepted"
            )


def _complex(code: str, what: str) -> ImageError:
    return ImageError(code, f"The image {what}. Save it again, as PNG or JPEG.")
