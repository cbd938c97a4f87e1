"""The images that programs have: paths, bytes, arrays, Pillow's images, tensors, and several of them."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.images.decoding import load
from darkroom.images.limits import check_size
from darkroom.prediction.items import Item
from darkroom.prediction.places import find, listed

CHANNELS = (1, 3, 4)
ROUNDING = 1e-3  # by which values computed in 0 to 1 may lie outside
NEEDED = (
    "needed: a path, a URL, the bytes of a file, a Pillow image, an array [height, width] or [height, width, "
    "channels], or several of them"
)


def items_of(images: Any, root: Path, *, column: str = "") -> Iterator[Item]:
    """Return each image of what a program passes; an iterator is read as far as needed.

    Raises TypeError for what is no image, ValueError for an array that is none, and SourceError for a place
    that names nothing.
    """
    if isinstance(images, str | PathLike):
        yield from find(_text(images), root, column=column)
    elif (one := _single(images, "")) is not None:
        yield one
    elif (arrays := _array(images)) is not None and arrays.dtype.kind not in "OUS":
        yield from (Item("", partial(_of_array, array, f"images[{n}]")) for n, array in _batch(arrays))
    elif isinstance(images, Mapping) or hasattr(images, "columns") or not isinstance(images, Iterable):
        hint = "; of a table pass one column: table['path']" if hasattr(images, "columns") else ""
        raise TypeError(f"images is {_kind(images)}; {NEEDED}{hint}")
    else:
        for number, value in enumerate(images):
            yield from _element(value, f"images[{number}]", root)


def _element(value: Any, name: str, root: Path) -> Iterator[Item]:
    if isinstance(value, str | PathLike):
        yield from listed([_text(value)], root)
    elif (one := _single(value, name)) is not None:
        yield one
    elif (array := _array(value)) is not None and array.dtype.kind not in "OUS":
        yield Item("", partial(_of_array, array, name))
    else:
        raise TypeError(f"{name} is {_kind(value)}; {NEEDED}")


def _single(value: Any, name: str) -> Item | None:
    """Return an image that is bytes, an open file or Pillow's; None for anything else."""
    if isinstance(value, bytes | bytearray | memoryview):
        return Item("", partial(bytes, bytes(value)))
    if isinstance(value, Image.Image):
        return Item(str(getattr(value, "filename", "")), partial(_of_pillow, value))
    if callable(getattr(value, "read", None)):
        data = value.read()
        if not isinstance(data, bytes):
            raise TypeError(f"{name or 'images'} is a file opened as text; open it with mode 'rb'")
        return Item(str(getattr(value, "name", "")), partial(bytes, data))
    return None


def _array(value: Any) -> NDArray[Any] | None:
    """Return an array, or a tensor as one with its channels last; None for anything else."""
    if all(hasattr(value, name) for name in ("detach", "cpu", "numpy")):  # torch, which is not imported here
        array = np.asarray(value.detach().cpu().numpy())
        return np.moveaxis(array, -3, -1) if array.ndim in (3, 4) and array.shape[-3] in CHANNELS else array
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__array__") and not hasattr(value, "index"):  # of JAX, TensorFlow; not pandas' series
        return np.asarray(value)
    return None


def _batch(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Return the images in an array: one, or those along the first axis of one with four."""
    return iter(enumerate(array if array.ndim == 4 else [array]))


def _of_pillow(image: Image.Image) -> Image.Image:
    check_size(*image.size)
    return load(image.copy())  # loading turns it upright in place, and it is the caller's


def _of_array(array: NDArray[Any], name: str) -> Image.Image:
    """Return an array [H,W] or [H,W,C] as an image. Raises ValueError."""
    if array.ndim == 3 and array.shape[2] not in CHANNELS:
        hint = ""
        if array.shape[0] in CHANNELS:
            hint = "; its channels seem to come first: pass array.transpose(1, 2, 0)"
        raise ValueError(
            f"{name} has the shape {array.shape}: the last axis must be 1, 3 or 4 channels{hint}. "
            "Pass several grey images as a list of them"
        )
    if array.ndim not in (2, 3) or not array.size:
        raise ValueError(f"{name} has the shape {array.shape}; needed: [height, width] or with channels last")
    check_size(array.shape[1], array.shape[0])
    values = _bytes(array, name)
    return load(Image.fromarray(values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values))


def _bytes(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return values as uint8: of floats 0 to 1, of integers 0 to 255, of uint16 0 to 65535."""
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype == np.uint16:
        return np.rint(array * (255 / 65535)).astype(np.uint8)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} is an array of {array.dtype}; needed: uint8, or floats from 0 to 1")
    low, high = array.min(), array.max()
    most: float = 1 + ROUNDING if array.dtype.kind == "f" else 255
    if not (low >= -ROUNDING and high <= most):  # also for NaN
        advice = "floats are from 0 to 1" if array.dtype.kind == "f" else "integers are from 0 to 255"
        raise ValueError(
            f"{name} is an array of {array.dtype} from {low:g} to {high:g}: {advice}. Undo a normalisation, "
            "or pass values up to 255 as uint8: array.astype('uint8')"
        )
    if array.dtype.kind == "f":
        return np.rint(np.clip(array.astype(np.float64), 0, 1) * 255).astype(np.uint8)
    return array.astype(np.uint8)


def _text(path: Any) -> str:
    text = fspath(path)
    if isinstance(text, bytes):
        raise TypeError("a path of bytes is not read: pass os.fsdecode(path)")
    return str(text)


def _kind(value: Any) -> str:
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
