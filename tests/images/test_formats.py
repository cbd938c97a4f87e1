"""Accepted formats, and the limits that are checked before decoding."""

import struct
import zlib

import pytest

from darkroom.images.decoding import decode
from darkroom.images.formats import MAX_PIXELS, ImageError, open_image


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that ends after a header with this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_000, 5_001), (60_000, 60_000)])
def test_too_many_pixels_are_refused_from_the_header_alone(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match=f"at most {MAX_PIXELS:,}") as caught:
        decode(png_header(*size))
    assert (caught.value.status, caught.value.code) == (413, "too_many_pixels")


def test_exactly_the_limit_of_pixels_is_accepted() -> None:
    assert open_image(png_header(10_000, 5_000)).size == (10_000, 5_000)
    with pytest.raises(ImageError) as caught:
        decode(png_header(10_000, 5_000))
    assert caught.value.code == "broken_image"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"hello", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
        (b"\x89PNG\r\n\x1a\n", "not_an_image"),
    ],
)
def test_other_content_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert (caught.value.status, caught.value.code) == (422, code)
