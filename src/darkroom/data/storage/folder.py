"""A folder on this machine."""

import os
from collections.abc import Iterator
from pathlib import Path

from darkroom.data.storage.base import StoredFile


class Folder:
    """All files below a folder. Links are followed, each folder once."""

    table = ""
    readers = 1

    def __init__(self, folder: Path) -> None:
        """Open `folder`, an absolute path."""
        self.folder, self.name, self.place = folder, folder.name, str(folder)
        self.inside: list[str] = []  # names of the folders in it that are listed, if not all of it is

    def files(self) -> Iterator[StoredFile]:
        """List the files by name, folder by folder."""
        seen: set[tuple[int, int]] = set()
        for name in self.inside:
            yield from self._below(self.folder / name, f"{name}/", seen)
        if not self.inside:
            yield from self._below(self.folder, "", seen)

    def read(self, path: str) -> bytes:
        """Return the bytes of the file at `path`."""
        return (self.folder / path).read_bytes()

    def _below(self, folder: Path, prefix: str, seen: set[tuple[int, int]]) -> Iterator[StoredFile]:
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:  # a link to a folder above, or to one listed already
                return
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield StoredFile(prefix.rstrip("/") or ".", 0, "", f"the folder cannot be read: {error.strerror}")
            return
        for entry in inside:
            path = prefix + entry.name
            try:
                if entry.is_dir():
                    yield from self._below(folder / entry.name, path + "/", seen)
                    continue
                status = entry.stat()
            except OSError as error:  # a link to nothing, or no permission
                yield StoredFile(path, 0, "", f"cannot be read: {error.strerror}")
                continue
            if entry.is_file():  # neither a socket nor a device
                yield StoredFile(path, status.st_size, str(status.st_mtime_ns))
