"""Samples of 16 and 32 bits, which only grey images have here, as 8 bits."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .tiff_tags import BITS, PHOTOMETRIC, SAMPLE_FORMAT

CHUNK_VALUES = 2**20  # computed at once: some megabytes, whatever the image's size
_WHITE_IS_ZERO = 0  # a value of PHOTOMETRIC
_UNSIGNED = 1  # a value of SAMPLE_FORMAT


def from_16_bits(image: Image.Image) -> Image.Image:
    """Return an image of mode I;16 and the like in mode L.

    The largest possible value becomes 255, not whatever exceeds 255. A TIFF may use fewer of the 16 bits.
    """
    white = 2 ** min(_tag(image, BITS, 16), 16) - 1
    table = np.rint(np.arange(65536).clip(0, white) * (255 / white)).astype(np.uint8)
    return _image(image, table[np.asarray(image)])


def from_32_bits(image: Image.Image) -> Image.Image:
    """Return an image of mode I or F in mode L.

    Such values have no standard white: the smallest becomes black and the largest white. Infinities count as
    the largest or smallest finite value; what is not a number becomes black.
    """
    values: NDArray[Any] = np.asarray(image)
    if image.mode == "I" and image.format == "PPM":  # Pillow has scaled its values to 16 bits
        return Image.fromarray(((values.clip(0, 65535) + 128) // 257).astype(np.uint8))
    unsigned = _tag(image, SAMPLE_FORMAT, _UNSIGNED) == _UNSIGNED
    if image.mode == "I" and unsigned and _tag(image, BITS, 0) == 32:
        values = values.view(np.uint32)  # Pillow reads them as signed
    return _image(image, _stretched(values))


def _stretched(values: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = np.inf, -np.inf
    for _, part in _chunks(values):
        finite = part[np.isfinite(part)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    result = np.zeros(values.shape, dtype=np.uint8)
    if high > low:
        for rows, part in _chunks(values):
            known = np.nan_to_num(part, nan=low, posinf=high, neginf=low).clip(low, high)
            result[rows] = np.rint((known - low) * (255 / (high - low)))
    return result


def _chunks(values: NDArray[Any]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield rows together with their values."""
    step = max(1, CHUNK_VALUES // values.shape[1])
    for start in range(0, len(values), step):
        rows = slice(start, start + step)
        yield rows, values[rows].astype(np.float64)


def _image(image: Image.Image, values: NDArray[np.uint8]) -> Image.Image:
    """Return the values as an image; turned around where 0 is white, which Pillow does for 8 bits only."""
    return Image.fromarray(255 - values if _tag(image, PHOTOMETRIC, 1) == _WHITE_IS_ZERO else values)


def _tag(image: Image.Image, tag: int, default: int) -> int:
    """Return the first value of a tag of a TIFF; `default` where it or its tag is none."""
    value = getattr(image, "tag_v2", {}).get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)
