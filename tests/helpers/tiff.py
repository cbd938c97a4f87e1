"""TIFF files made byte by byte, for kinds of samples and tags that Pillow does not write."""

import struct
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SHORT, LONG = 3, 4


def tiff(
    pixels: NDArray[np.generic],
    tags: Mapping[int, int | tuple[int, ...]] | None = None,
    *,
    order: Literal["<", ">"] = "<",
) -> bytes:
    """Return an uncompressed TIFF of `[H,W]` or `[H,W,C]` samples.

    Args:
        pixels: unsigned, signed or floating-point.
        tags: more tags, or others in the place of the usual ones.
        order: of bytes: "<" for Intel's, ">" for Motorola's.
    """
    height, width, samples = (*pixels.shape, 1)[:3]
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    content = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    fields: dict[int, int | tuple[int, ...]] = {
        **{256: width, 257: height, 258: (pixels.dtype.itemsize * 8,) * samples, 259: 1},
        **{262: 1 if samples == 1 else 2, 273: 8, 277: samples, 278: height, 279: len(content)},
        **{339: (kind,) * samples, **(tags or {})},
    }
    after = 8 + len(content) + len(content) % 2
    directory = struct.pack(order + "H", len(fields))
    more = b""
    place = after + 2 + 12 * len(fields) + 4
    for tag, value in sorted(fields.items()):
        values = value if isinstance(value, tuple) else (value,)
        layout = "I" if max(values) > 65535 or tag in (273, 279) else "H"
        data = struct.pack(f"{order}{len(values)}{layout}", *values)
        if len(data) > 4:
            data, more = struct.pack(order + "I", place + len(more)), more + data + bytes(len(data) % 2)
        directory += struct.pack(order + "HHI", tag, LONG if layout == "I" else SHORT, len(values))
        directory += data.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, after)
    return head + content + bytes(len(content) % 2) + directory + bytes(4) + more
