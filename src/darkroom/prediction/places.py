"""The images that people name: files, folders, globs, lists, tables, archives and URLs."""

import glob
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import requests

from darkroom.data.annotations import SUFFIXES as TABLES
from darkroom.data.annotations.names import is_hidden, is_url, looks_like_an_image
from darkroom.data.download.mirrors import public_url
from darkroom.data.storage import SourceError, Storage, StoredFile, open_storage
from darkroom.data.storage.reading import TIMEOUT_S, Reader, fetch_http
from darkroom.data.storage.remote import file_system
from darkroom.data.storage.tar_archive import SUFFIXES as TARS
from darkroom.prediction.items import Item, file_item, missing_item, stored_item
from darkroom.prediction.lists import names_in, there
from darkroom.prediction.tables import table_rows

ARCHIVES = (".zip", *TARS, ".arrow")
LISTS = (".txt", ".lst")
Note = Callable[[str], None]
_reader = Reader()


def find(place: str, root: Path, *, column: str = "", note: Note = lambda text: None) -> Iterator[Item]:
    """Return the images that `place` names.

    Args:
        place: a file, a folder, a glob, `@` and a list, `-` for a list on standard input, a table, an archive
            or a URL of one of them.
        root: relative paths are relative to it.
        column: of a table, with the images; empty: it is found.
        note: is called with sentences about what is no image.

    Raises SourceError where it names nothing, or cannot be read. A file that cannot be read is no error.
    """
    if place == "-":
        yield from listed(names_in(sys.stdin.buffer.read(), root, root), root)
        return
    if place.lower().startswith("file://"):
        place = unquote(urlsplit(place).path)
    if is_url(place):
        yield from _at_url(place, root, column, note)
        return
    path = root / Path(place).expanduser()
    if there(path):
        yield from _on_disk(place, path, root, column, note)
    elif place.startswith("@"):
        yield from _in_list(place[1:], root)
    elif glob.has_magic(place):
        pattern = str(Path(place).expanduser())
        names = sorted(glob.glob(pattern, root_dir=root, recursive=True))  # noqa: PTH207  absolute ones too
        if not names:
            raise SourceError(f"{place}: no file has a name like that")
        for name in names:
            path = root / name
            if path.is_dir():
                continue
            if looks_like_an_image(name):
                yield file_item(path, name)
    elif looks_like_an_image(place):
        yield missing_item(place)
    else:
        raise SourceError(f"{place}: there is neither a file nor a folder of that name")


def listed(names: Iterable[str], root: Path) -> Iterator[Item]:
    """Return the images that a list names: each a file, a folder or the URL of a file."""
    for name in names:
        if is_url(name) and not name.startswith("file://"):
            yield url_item(name)
            continue
        path = root / Path(unquote(urlsplit(name).path) if name.startswith("file://") else name).expanduser()
        if there(path) and path.is_dir():
            yield from _on_disk(name, path, root, "", lambda text: None)
        else:
            yield file_item(path, name)


def url_item(url: str) -> Item:
    """Return the image at a URL."""

    def content() -> bytes:
        return _reader.read(url, lambda: _fetch(url))

    return Item(public_url(url), content, remote=True)


def in_storage(storage: Storage, prefix: str, note: Note) -> Iterator[Item]:
    """Return the images in a storage: files whose names end as those of images do, or do not end."""
    others: Counter[str] = Counter()
    for file in storage.files():
        if is_hidden(file.path):
            continue
        suffix = PurePosixPath(file.path).suffix.lower()
        if suffix and not looks_like_an_image(file.path) and not file.problem:
            others[suffix] += 1
            continue
        yield stored_item(storage, file, f"{prefix.rstrip('/')}/{file.path}")
    if others:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in others.most_common(5))
        note(f"{prefix}: {others.total():,} files are no images by their names ({kinds})")


def _on_disk(shown: str, path: Path, root: Path, column: str, note: Note) -> Iterator[Item]:
    name = path.name.lower()
    if path.is_dir() or name.endswith(ARCHIVES):
        yield from in_storage(open_storage(str(path.absolute()), root), shown, note)
    elif name.endswith(LISTS):
        yield from _in_list(str(path), root)
    elif name.endswith(TABLES):
        yield from _in_table(str(path.absolute()), shown, root, column, note)
    else:
        yield file_item(path, shown)


def _at_url(url: str, root: Path, column: str, note: Note) -> Iterator[Item]:
    path = urlsplit(url).path.lower()
    if looks_like_an_image(path):
        yield url_item(url)
    elif path.endswith(TABLES):
        yield from _in_table(url, public_url(url), root, column, note)
    elif url.startswith("http") and not path.endswith((*ARCHIVES, "/")) and _is_image(url):
        yield url_item(url)
    else:
        yield from in_storage(open_storage(url, root), public_url(url), note)


def _in_list(name: str, root: Path) -> Iterator[Item]:
    path = root / Path(name).expanduser()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"the list {name} cannot be read: {error.strerror}") from error
    yield from listed(names_in(data, root, path.parent), root)


def _in_table(source: str, shown: str, root: Path, column: str, note: Note) -> Iterator[Item]:
    storage = open_storage(source, root)
    if not storage.table:  # a Parquet file with the images themselves
        yield from in_storage(storage, shown, note)
        return
    for name, found in table_rows(storage, column):
        if isinstance(found, StoredFile):
            yield stored_item(storage, found, name)
        else:
            yield missing_item(name, found)


def _is_image(url: str) -> bool:
    """Ask a web server whether a URL without a telling name is that of an image."""
    try:
        with requests.get(
            url, stream=True, timeout=TIMEOUT_S, headers={"User-Agent": "darkroom"}
        ) as response:
            return response.headers.get("Content-Type", "").lower().startswith("image/")
    except requests.RequestException as error:
        raise SourceError(f"{public_url(url)} cannot be reached: {type(error).__name__}") from error


def _fetch(url: str) -> bytes:
    return fetch_http(url) if url.startswith("http") else bytes(file_system(url).cat_file(url))
