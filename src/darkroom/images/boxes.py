"""Boxes: the structure that HEIC, AVIF and JPEG 2000 files share (ISO/IEC 14496-12)."""

import struct
from collections.abc import Iterator

MAX_BOXES = 20_000  # side by side; a photograph in tiles has some hundred


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    r"""Yield the type of each box from `start` to `end`, and where its content starts and ends.

    Where the file ends early, the last box ends behind it.

    Raises:
        ValueError, struct.error: a box is larger than what holds it, or there are over `MAX_BOXES`.

    >>> list(boxes(b"\0\0\0\x0afreeXY", 0, 10))
    [(b'free', 8, 10)]
    """
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1:
            size, header = struct.unpack_from(">Q", data, start + 8)[0], 16
        stop = end if size == 0 else start + size
        # the last box of a file may be cut short, which the decoder tells, or be no box but a camera's notes
        if (size and size < header) or stop > end != len(data):
            raise ValueError(f"the box {kind!r} does not fit")
        yield kind, start + header, stop
        start = stop
    raise ValueError(f"over {MAX_BOXES} boxes")


class Numbers:
    """Reads big-endian numbers one after the other; past `end` it raises IndexError."""

    def __init__(self, data: bytes, place: int, end: int) -> None:
        self.data, self.place, self.end = data, place, end

    def read(self, size: int) -> int:
        """Return the next number, of `size` bytes."""
        if self.place + size > self.end:
            raise IndexError("the box ends within a number")
        self.place += size
        return int.from_bytes(self.data[self.place - size : self.place], "big")
