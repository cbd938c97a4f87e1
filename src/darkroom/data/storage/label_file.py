"""A file with labels as the source: the images are beside it, at absolute paths, or at URLs."""

import posixpath
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

from darkroom.data.annotations import SUFFIXES, AnnotationError, ColumnNames, Document, parse
from darkroom.data.annotations.names import is_url, looks_like_an_image
from darkroom.data.storage.arrow import ArrowImages, holds_images
from darkroom.data.storage.base import MANY_READERS, Storage, StoredFile
from darkroom.data.storage.folder import Folder
from darkroom.data.storage.reading import Reader, fetch_http
from darkroom.data.storage.remote import Remote, file_system, version_of

TEXT_LISTS = (".txt", ".lst")  # only if they are named: other files end so too


class WithLabels:
    """A storage, a file with labels in it or beside it, and the files elsewhere that this one names.

    URLs in it are fetched only where no images are in the storage: where there are, they were downloaded.
    """

    def __init__(self, inner: Storage, table: str, columns: ColumnNames, *, name: str = "") -> None:
        """Open `table`, a path in `inner` or an absolute one; with a name of its own it is the source."""
        self.alone = bool(name)
        self.inner, self.table, self.columns = inner, table, columns
        self.name, self.place = name or inner.name, inner.place
        self.reader = Reader()

    @cached_property
    def readers(self) -> int:
        """Many where the table names URLs."""
        return MANY_READERS if any(map(is_url, self._elsewhere())) else self.inner.readers

    def files(self) -> Iterator[StoredFile]:
        """List the files of the storage, then those elsewhere."""
        elsewhere, images, there = self._elsewhere(), False, set()
        if elsewhere and all(name.startswith("/") for name in elsewhere):
            yield from map(_on_disk, dict.fromkeys([self._absolute(), *elsewhere]))
            return
        if isinstance(self.inner, Folder):
            self.inner.inside = self._folders_named(self.inner.folder, elsewhere)
            if self.inner.inside and not self.table.startswith("/"):
                yield _on_disk(self._absolute(), self.table)
                there.add(self.table)
        for file in self.inner.files():
            images = images or looks_like_an_image(file.path)
            there.add(file.path)
            yield file
        if self.table not in there and not is_url(self.table):
            yield _on_disk(self.table)
        for name in elsewhere:
            if name.startswith("/"):
                if name.removeprefix(self.place.rstrip("/") + "/") not in there:
                    yield _on_disk(name)
            elif not images and name not in there and (is_url(name) or isinstance(self.inner, Neighbours)):
                yield StoredFile(name, 0, "")

    def read(self, path: str) -> bytes:
        """Return the bytes of a file of the storage, of one elsewhere on this machine, or at a URL."""
        if is_url(path):
            return self.reader.read(path, lambda: _fetch(path))
        return Path(path).read_bytes() if path.startswith("/") else self.inner.read(path)

    def _folders_named(self, folder: Path, names: list[str]) -> list[str]:
        """Return the folders beside a table that all of its names begin with; none if they do not.

        Then nothing else is listed: there may be a lot beside a table.
        """
        beside = [name.replace("\\", "/") for name in names if not is_url(name) and name[0] != "/"]
        if not self.alone or len(beside) != len(names) or not all("/" in name for name in beside):
            return []
        first = sorted({posixpath.normpath(name).partition("/")[0] for name in beside})
        return first if ".." not in first and all((folder / name).is_dir() for name in first) else []

    def _absolute(self) -> str:
        return self.table if self.table.startswith("/") else f"{self.inner.place}/{self.table}"

    def _elsewhere(self) -> list[str]:
        """Return the names in the table; absolute paths only of files that exist."""
        try:
            rows = parse(Document(self.table, self.read(self.table)), self.columns)
        except (AnnotationError, OSError):  # whoever reads the labels says what is wrong
            return []
        found = dict.fromkeys(row.url or row.image for row in rows)
        return sorted(name for name in found if name and (name[0] != "/" or Path(name).is_file()))


def open_label_file(source: str, root: Path, columns: ColumnNames) -> Storage | None:
    """Open the file with labels that `source` names, on this machine or at a URL; None if it is none."""
    if not source.lower().partition("?")[0].endswith((*SUFFIXES, *TEXT_LISTS, ".arrow")):
        return None
    if is_url(source) and not source.startswith("file://"):
        folder, _, name = source.rpartition("/")
        inner: Storage = Neighbours(source, name) if source.startswith("http") else Remote(folder)
        return WithLabels(inner, name, columns, name=PurePosixPath(name).stem)
    path = root / Path(source.removeprefix("file://")).expanduser()
    if not path.is_file():
        return None
    path = path.resolve()
    if holds_images(path):
        return ArrowImages(path)
    return WithLabels(Folder(path.parent), path.name, columns, name=path.stem)


def with_table(inner: Storage, table: str, root: Path, columns: ColumnNames) -> Storage:
    """Return a storage with the file that data.table names, where that lies on this machine and not in it."""
    path = root / Path(table).expanduser()
    if not table or not path.is_file():
        return inner
    path = path.resolve()
    relative = posixpath.relpath(str(path), inner.place) if inner.place.startswith("/") else ".."
    return WithLabels(inner, str(path) if relative.startswith("..") else relative, columns)


class Neighbours:
    """A file on a web server, which has no listing, and its neighbours by their names."""

    table = ""
    readers = MANY_READERS

    def __init__(self, url: str, name: str) -> None:
        """Open the file at `url`, which ends with `name`."""
        self.url, self.name = url, name
        self.place = url.rpartition("/")[0]
        self.reader = Reader()

    def files(self) -> Iterator[StoredFile]:
        """List the one file."""
        info = file_system(self.url).info(self.url)
        yield StoredFile(self.name, int(info.get("size") or 0), version_of(info))

    def read(self, path: str) -> bytes:
        """Return the bytes of the file, or of one beside it."""
        url = self.url if path == self.name else f"{self.place}/{path}"
        return self.reader.read(url, lambda: fetch_http(url))


def _fetch(url: str) -> bytes:
    if url.startswith(("http://", "https://")):
        return fetch_http(url)
    return bytes(file_system(url).cat_file(url))


def _on_disk(path: str, name: str = "") -> StoredFile:
    try:
        status = Path(path).stat()
    except OSError as error:
        return StoredFile(path, 0, "", f"cannot be read: {error.strerror}")
    return StoredFile(name or path, status.st_size, str(status.st_mtime_ns))
