"""What the main header of a JPEG 2000 image states: its size, and what its decoder would make room for."""

import struct
from typing import NamedTuple

from .boxes import boxes

_MARKER = b"\xff\x4f\xff\x51"  # start of a code stream, and of its segment SIZ (ISO/IEC 15444-1, annex A)
_COD = 0x52


class CodeStream(NamedTuple):
    """What the main header states: size in pixels, and how the image is divided."""

    width: int
    height: int
    components: int
    tiles: int
    layers: int


def read_code_stream(data: bytes) -> CodeStream:
    """Return what the main header of the JPEG 2000 image in `data` states.

    Raises:
        ValueError, struct.error: it has none, or a damaged one.
    """
    place = 0
    if not data.startswith(_MARKER):
        place = next((start for kind, start, _ in boxes(data, 0, len(data)) if kind == b"jp2c"), len(data))
    if data[place : place + 4] != _MARKER:
        raise ValueError("there is no code stream")
    right, bottom, left, top, wide, high, tile_left, tile_top, components = struct.unpack_from(
        ">8IH", data, place + 8
    )
    if not (wide and high and left < right and top < bottom):
        raise ValueError("the size is impossible")
    across, down = -(-(right - tile_left) // wide), -(-(bottom - tile_top) // high)
    return CodeStream(right - left, bottom - top, components, across * down, _layers(data, place + 2))


def _layers(data: bytes, place: int) -> int:
    """Return the number of quality layers; `place` is that of the segment SIZ."""
    while data[place : place + 1] == b"\xff":
        marker, length = struct.unpack_from(">xBH", data, place)
        if marker == _COD:
            return int(struct.unpack_from(">H", data, place + 6)[0])
        place += 2 + max(2, length)
    return 1
