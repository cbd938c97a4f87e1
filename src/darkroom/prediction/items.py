"""One image that is to be predicted, wherever it comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from darkroom.data.annotations.names import is_url
from darkroom.data.storage import Storage, StoredFile
from darkroom.data.storage.base import printable
from darkroom.data.storage.remote import Remote

NO_FILE = "there is no such file"


@dataclass(frozen=True)
class Item:
    """An image.

    Attributes:
        path: under which it is told; empty for an image that has no file.
        content: returns the bytes of its file, or, where it has none, the image upright and in mode RGB or L.
            Raises ImageError, OSError and SourceError.
        version: changes when its content may have changed, as far as that is known without reading it.
        remote: whether it is read over the network, where many are waited for at once.
    """

    path: str
    content: Callable[[], bytes | Image.Image]
    version: str = ""
    remote: bool = False


def file_item(path: Path, shown: str) -> Item:
    """Return the image in a file on this machine; whether it exists shows when it is decoded."""
    try:
        status = path.stat()
        version = f"{status.st_size}-{status.st_mtime_ns}"
    except (OSError, ValueError):  # ValueError: a zero byte in the name
        version = ""
    return Item(printable(shown), partial(_of_file, path), version)


def stored_item(storage: Storage, file: StoredFile, shown: str) -> Item:
    """Return the image in a file of a storage."""
    remote = isinstance(storage, Remote) or is_url(file.path)
    return Item(printable(shown), partial(_of_storage, storage, file), f"{file.size}-{file.version}", remote)


def missing_item(shown: str, why: str = NO_FILE) -> Item:
    """Return what stands for an image that is named but cannot be had."""
    return Item(printable(shown), partial(_missing, why))


def _of_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ValueError) as error:  # ValueError: a zero byte in the name
        raise OSError(NO_FILE) from error


def _of_storage(storage: Storage, file: StoredFile) -> bytes:
    if file.problem:
        raise OSError(file.problem)
    return storage.read(file.path)


def _missing(why: str) -> bytes:
    raise OSError(why)
