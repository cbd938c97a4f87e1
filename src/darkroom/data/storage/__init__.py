"""Where the files of people's own data sets lie: one file a kind of place, found in `STORAGES`.

A storage lists files and reads their bytes. What the files mean is not decided here: see `labels`.
"""

from collections.abc import Callable
from pathlib import Path

from darkroom.data.storage import folder
from darkroom.data.storage.base import SourceError, Storage, StoredFile

__all__ = ["STORAGES", "SourceError", "Storage", "StoredFile", "open_storage"]

# Each is asked in this order whether the source is of its kind; the first that returns a storage is used.
STORAGES: dict[str, Callable[[str, Path], Storage | None]] = {"folder": folder.open_folder}


def open_storage(source: str, root: Path) -> Storage:
    """Open the place that `source` (data.source) names; a relative path is relative to the folder `root`.

    Raises SourceError where there is none, and where no storage is of its kind.
    """
    for opener in STORAGES.values():
        storage = opener(source, root)
        if storage is not None:
            return storage
    raise SourceError(
        f"data.source is {source!r}: there is neither a folder nor a file of that name. "
        "Name a folder of images: darkroom data use PATH"
    )
