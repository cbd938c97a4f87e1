"""Where the files of people's own data sets lie: one file a kind of place, found in `STORAGES`.

A storage lists files and reads their bytes. What the files mean is not decided here: see `labels`.
"""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from darkroom.config.data import Data
from darkroom.data.annotations import ColumnNames, Columns
from darkroom.data.download.mirrors import public_url
from darkroom.data.storage import containers, downloaded, label_file, remote, tar_archive, zip_archive
from darkroom.data.storage.base import SourceError, Storage, StoredFile

__all__ = ["STORAGES", "SourceError", "Storage", "StoredFile", "open_storage", "shown"]

# Each is asked in this order whether the source is of its kind; the first that returns a storage is used.
STORAGES: dict[str, Callable[[str, Path, ColumnNames], Storage | None]] = {
    "folder": containers.open_folder,
    "zip": zip_archive.open_zip,
    "tar": tar_archive.open_tar,
    "downloaded": downloaded.open_downloaded,
    "label_file": label_file.open_label_file,
    "remote": remote.open_remote,
}


def open_storage(source: str, root: Path, settings: Data | None = None) -> Storage:
    """Open the place that `source` (data.source) names; a relative path is relative to the folder `root`.

    `settings` may name a file with labels that lies elsewhere (data.table), and its columns. Raises
    SourceError where there is no such place, and where no storage is of its kind.
    """
    columns = settings or Columns()
    if source.startswith("file://"):
        source = unquote(source.removeprefix("file://"))
    for opener in STORAGES.values():
        storage = opener(source, root, columns)
        if storage is not None:
            table = settings.table if settings else ""
            return label_file.with_table(storage, table, root, columns)
    if "://" not in source and (root / Path(source).expanduser()).is_file():
        raise SourceError(
            f"data.source is {source!r}: a file of no kind that is known. Zip and tar archives are, and "
            "tables; unpack another archive (7z, rar) into a folder, and save Excel's as CSV"
        )
    raise SourceError(
        f"data.source is {source!r}: there is neither a folder nor a file of that name. "
        "Name a folder of images: darkroom data use PATH"
    )


def shown(source: str) -> str:
    """Return a source as it may be printed: a URL without what may be secret in it.

    >>> shown("https://me:secret@host/set.zip?token=secret"), shown("~/photos #1")
    ('https://host/set.zip', '~/photos #1')
    """
    return public_url(source) if "://" in source else source
