"""Files of pixels as torchvision keeps them: MNIST's idx files and CIFAR's batches."""

import gzip
import io
import json
import pickle
import re
import struct
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.data.storage.base import SourceError, StoredFile

TABLE = "metadata.jsonl"
IDX = re.compile(r"(.*)-images[-.]idx3-ubyte(\.gz)?")
BATCH = re.compile(r"data_batch_\d|test_batch|train|test")
META = ("batches.meta", "meta")  # beside CIFAR's batches, with the names of the classes
HEADER = 16  # bytes of an idx file of images, 8 of one of labels
SAFE = {  # all that a pickled array needs
    *(("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")),
    *(("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")),
}


class PixelFile:
    """The rows of a file of pixels as PNG files, and their labels as a table beside them."""

    table = ""
    readers = 1

    def __init__(self, path: Path) -> None:
        """Open the file at an absolute path."""
        self.path, self.name, self.place = path, path.name, str(path)
        status = path.stat()
        self.version = f"{status.st_mtime_ns}-{status.st_size}"

    def files(self) -> Iterator[StoredFile]:
        """List the images by their numbers, then the table. Raises SourceError for half a file."""
        images, _ = self._content
        for row in range(len(images)):
            yield StoredFile(f"{row:08d}.image.png", images[row].nbytes, self.version)
        yield StoredFile(TABLE, len(self.read(TABLE)), self.version)

    def read(self, path: str) -> bytes:
        """Return the bytes of an image, or of the table."""
        images, labels = self._content
        if path == TABLE:
            rows = [{name: column[row] for name, column in labels.items()} for row in range(len(images))]
            lines = [
                json.dumps({"file_name": f"{row:08d}.image.png", **cells}) for row, cells in enumerate(rows)
            ]
            return "\n".join(lines).encode()
        file = io.BytesIO()
        Image.fromarray(images[int(path.partition(".")[0])]).save(file, "PNG")
        return file.getvalue()

    @cached_property
    def _content(self) -> tuple[NDArray[np.uint8], dict[str, list[Any]]]:
        """Images uint8 [N,H,W] or [N,H,W,3], and columns of labels by their names."""
        try:
            return _read_idx(self.path) if IDX.fullmatch(self.path.name) else _read_batch(self.path)
        except (OSError, EOFError, ValueError, KeyError, struct.error, pickle.UnpicklingError) as error:
            raise SourceError(f"{self.path} is not a whole file of pixels: {error}") from error


def holds_pixels(path: Path) -> bool:
    """Whether a file is one of pixels, with its labels beside it; not if it is there unpacked too."""
    if found := IDX.fullmatch(path.name):
        return _labels_of(path).is_file() and not (found[2] and path.with_suffix("").is_file())
    return bool(BATCH.fullmatch(path.name)) and any((path.parent / name).is_file() for name in META)


def part_of(name: str) -> str:
    """Return the split that a file of pixels is.

    >>> part_of("t10k-images-idx3-ubyte"), part_of("data_batch_1"), part_of("test")
    ('test', 'train', 'test')
    """
    return "test" if "test" in name or "t10k" in name else "train"


def _labels_of(path: Path) -> Path:
    return path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))


def _read_idx(path: Path) -> tuple[NDArray[np.uint8], dict[str, list[Any]]]:
    data, labels = _bytes(path), _bytes(_labels_of(path))
    _, count, height, width = struct.unpack(">4i", data[:HEADER])
    images = np.frombuffer(data, np.uint8, count * height * width, HEADER).reshape(count, height, width)
    numbers = np.frombuffer(labels, np.uint8, count, 8)
    return images, {"label": [int(number) for number in numbers]}


def _read_batch(path: Path) -> tuple[NDArray[np.uint8], dict[str, list[Any]]]:
    batch = _unpickle(path)
    rows = np.asarray(batch["data"], np.uint8).reshape(-1, 3, 32, 32)
    meta = _unpickle(next(path.parent / name for name in META if (path.parent / name).is_file()))
    columns = {}
    for name in ("labels", "fine_labels", "coarse_labels"):
        if name in batch:
            one = name.removesuffix("s")
            names = [_text(word) for word in meta[f"{one}_names"]]
            columns[one] = [names[number] for number in batch[name]]
            if len(columns[one]) != len(rows):
                raise ValueError(f"{len(rows):,} images, but {len(columns[one]):,} labels")
    return np.ascontiguousarray(rows.transpose(0, 2, 3, 1)), columns


class _OnlyArrays(pickle.Unpickler):
    """A pickle can run any code: this one makes nothing but arrays."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in SAFE:
            raise pickle.UnpicklingError(f"it wants to make a {module}.{name}, which no file of pixels needs")
        return super().find_class(module, name)


def _unpickle(path: Path) -> dict[str, Any]:
    value = _OnlyArrays(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    if not isinstance(value, dict):
        raise ValueError("it has no names")
    return {_text(name): inside for name, inside in value.items()}


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _bytes(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data
