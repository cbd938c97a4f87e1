"""A folder of archives: zips of each class, shards, the files of Hugging Face's datasets."""

import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

from darkroom.data.annotations import ColumnNames
from darkroom.data.annotations.names import is_hidden, looks_like_an_image
from darkroom.data.storage.arrow import ArrowImages, holds_images
from darkroom.data.storage.base import SourceError, Storage, StoredFile
from darkroom.data.storage.folder import Folder
from darkroom.data.storage.pixel_file import PixelFile, holds_pixels, part_of
from darkroom.data.storage.tar_archive import SUFFIXES, Tar
from darkroom.data.storage.zip_archive import Zip

SAMPLES = re.compile(r"-samples$")  # Teachable Machine's name of the zip of a class
FEW_IMAGES = 100  # beside archives: more are the data set


class Containers:
    """The files in a folder's archives, each as if it were a folder, and the files beside them."""

    table = ""
    readers = 1

    def __init__(self, folder: Folder, paths: list[str], cache: Path) -> None:
        """Open the archives at `paths` in a folder; `cache` is for decompressed ones."""
        self.folder, self.paths, self.cache = folder, paths, cache
        self.name, self.place = folder.name, folder.place

    def files(self) -> Iterator[StoredFile]:
        """List the files beside the archives, then those of each archive."""
        for file in self.folder.files():
            if file.path not in self.paths:
                yield file
        for prefix, archive in self._archives.items():
            for file in archive.files():
                yield StoredFile(f"{prefix}/{file.path}", file.size, file.version, file.problem)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file in an archive, or beside them. Raises OSError."""
        for parent in PurePosixPath(path).parents:
            if archive := self._archives.get(str(parent)):
                return archive.read(path[len(str(parent)) + 1 :])
        return self.folder.read(path)

    @cached_property
    def _archives(self) -> dict[str, Storage]:
        return {self._prefix(path): self._open(self.folder.folder / path) for path in self.paths}

    def _prefix(self, path: str) -> str:
        place = PurePosixPath(path)
        if holds_pixels(self.folder.folder / path):
            return str(place.parent / part_of(place.name) / place.name)
        stem = place.name.partition(".tar")[0] if ".tar" in place.name else place.stem
        return str(place.with_name(SAMPLES.sub("", stem)))

    def _open(self, path: Path) -> Storage:
        name = path.name.lower()
        if name.endswith(".zip"):
            return Zip(path)
        if name.endswith(SUFFIXES):
            return Tar(path, self.cache)
        return PixelFile(path) if holds_pixels(path) else ArrowImages(path)


def _opened_as(path: Path) -> bool:
    """Whether a file has images in it by its content."""
    return holds_images(path) or holds_pixels(path)


def with_archives(folder: Folder, cache: Path) -> Storage:
    """Return a folder with what is in its archives, if hardly an image is beside them; else as it is.

    An archive beside images is most often a copy of them, unless it is much larger.
    """
    paths, images, of_images, of_archives = [], 0, 0, 0
    for file in folder.files():
        if is_hidden(file.path):
            continue
        if looks_like_an_image(file.path):
            images, of_images = images + 1, of_images + file.size
            if images > FEW_IMAGES:
                return folder
            continue
        path = file.path.lower()
        if path.endswith((".zip", *SUFFIXES)) or (not file.problem and _opened_as(folder.folder / file.path)):
            paths.append(file.path)
            of_archives += file.size
    return Containers(folder, paths, cache) if paths and of_archives > 2 * of_images else folder


def open_folder(source: str, root: Path, columns: ColumnNames) -> Storage | None:
    """Open the folder `source`; None if it is none. Raises SourceError where it may not be read."""
    path = root / Path(source).expanduser()
    if "://" in source or not path.is_dir():
        return None
    path = path.resolve()
    if not os.access(path, os.R_OK | os.X_OK):
        raise SourceError(f"data.source is {source!r}, a folder that you may not read: chmod u+rx {path}")
    return with_archives(Folder(path), root / ".downloads")
