"""The tags of a TIFF's first image, read before a decoder reads the file."""

import struct
from typing import NamedTuple

NEW_SUBFILE_TYPE, BITS, COMPRESSION, PHOTOMETRIC, MAKE = 254, 258, 259, 262, 271
STRIP_OFFSETS, TILE_OFFSETS, SUB_IFDS, SAMPLE_FORMAT, DNG_VERSION = 273, 324, 330, 339, 50706
SIGNATURES = (
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"MM*\0",
    b"II\0*",
)  # the last two: as Pillow reads them
MAX_TAGS = 4096


class Tag(NamedTuple):
    """How many values a tag has; and its value, where that is one short or long number."""

    values: int
    value: int


def read_tags(data: bytes) -> dict[int, Tag]:
    r"""Return the tags of the first image of a TIFF or BigTIFF.

    Raises:
        struct.error: the file ends within them.

    >>> tag = struct.pack("<HHII", 256, 4, 1, 640)
    >>> read_tags(b"II*\0\x08\0\0\0" + b"\x01\0" + tag)
    {256: Tag(values=1, value=640)}
    """
    order = "<" if data.startswith(b"II") else ">"
    big = 43 in data[2:4]
    (offset,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, offset)
    entry = struct.Struct(order + ("HHQ8s" if big else "HHI4s"))
    offset += 8 if big else 2
    tags = {}
    for number in range(min(count, MAX_TAGS)):
        tag, kind, values, content = entry.unpack_from(data, offset + number * entry.size)
        layout = {3: "H", 4: "I", 16: "Q"}.get(kind, "B")
        size = struct.calcsize(layout)
        value = struct.unpack(order + layout, content[:size])[0] if size <= len(content) else 0
        tags[tag] = Tag(values, value)
    return tags
