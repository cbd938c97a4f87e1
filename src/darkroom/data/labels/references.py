"""Which file of a source a name in a table means."""

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from urllib.parse import unquote, urlsplit

from darkroom.data.annotations import Annotation
from darkroom.data.annotations.base import SPLITS
from darkroom.data.annotations.names import is_hidden, is_url, looks_like_an_image
from darkroom.data.storage import StoredFile

SEVERAL = "several files have that name"
NONE = "there is no such file"
SOME = 200  # names that tell the encoding of a table
UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # Label Studio puts it before the names of uploaded files


class References:
    """The image files of a source, to be found by the names that tables have for them.

    A name is read as a path relative to the table, then as one relative to the source, if need be without
    regard to case and Unicode form. Where fewer than half of a table's names are found so (they come from
    another machine, from a bucket, or are ids), the others are found by the end of their path, of as many
    parts as tell the names of the table apart, then without suffixes. Where more than half are, only those
    that name a folder are, together with that folder. Of several files with that end, the one in a folder
    named after the row's split is meant.
    """

    def __init__(self, files: Iterable[StoredFile], place: str) -> None:
        """Take the files of a source at `place`."""
        self.by_path = {file.path: file for file in files if not is_hidden(file.path)}
        self.place = place.rstrip("/") + "/"

    @cached_property
    def names(self) -> list[str]:
        """Names that are not ASCII, without folders and suffixes, of some files."""
        stems = (posixpath.splitext(posixpath.basename(path))[0] for path in self.by_path)
        return list(islice((stem for stem in stems if not stem.isascii()), SOME))

    def find(self, rows: Sequence[Annotation], folder: str) -> list[StoredFile | str]:
        """Return the file of each row of a table in `folder`, or why there is none."""
        exact = [self._exactly(row, folder) for row in rows]
        found = {row.image: file is not None for row, file in zip(rows, exact, strict=True)}
        if all(found.values()):
            return [file or NONE for file in exact]
        parts = {image: _parts(image) for image in found}
        length = _telling(parts.values())
        if 2 * sum(found.values()) >= len(found):  # then what is not there is missing, unless its folder is
            length = max(length, 2)
            parts = {image: those if len(those) > 1 else [] for image, those in parts.items()}
        return [
            file or self._by_end(parts[row.image], length, row.split)
            for row, file in zip(rows, exact, strict=True)
        ]

    def _exactly(self, row: Annotation, folder: str) -> StoredFile | None:
        for name in (row.url, row.image):
            if not name:
                continue
            if name in self.by_path and not folder:
                return self.by_path[name]
            plain = name.replace("\\", "/")
            relative = plain.removeprefix(self.place)
            near = posixpath.normpath(posixpath.join(folder, relative))
            beside = near.removeprefix(self.place)
            for path in dict.fromkeys((name, near, beside, posixpath.normpath(relative))):
                if path in self.by_path:
                    return self.by_path[path]
            for path in dict.fromkeys((near, beside, relative)):
                if folded := self._by_folded.get(_folded(path)):
                    return folded
        return None

    @cached_property
    def _by_folded(self) -> dict[str, StoredFile | None]:
        """The files by their paths without case and Unicode form; None where several have one."""
        found: dict[str, StoredFile | None] = {}
        for path, file in self.by_path.items():
            key = _folded(path)
            found[key] = None if key in found else file
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[StoredFile]]:
        return self._by(lambda parts: parts[-1])

    @cached_property
    def _by_stem(self) -> dict[str, list[StoredFile]]:
        return self._by(lambda parts: _stem(parts[-1]))

    def _by(self, key: Callable[[Sequence[str]], str]) -> dict[str, list[StoredFile]]:
        found = defaultdict(list)
        for file in self.by_path.values():
            if looks_like_an_image(_path_of(file.path)):
                found[key(_parts(file.path))].append(file)
        return found

    def _by_end(self, parts: Sequence[str], length: int, split: str) -> StoredFile | str:
        if not parts:
            return NONE
        names = [parts[-1]]
        if uploaded := UPLOADED.match(parts[-1]):
            names.append(parts[-1][uploaded.end() :])
        for name in names:
            for candidates in (self._by_name.get(name, []), self._by_stem.get(_stem(name), [])):
                above = parts[-length:-1]
                fitting = [file for file in candidates if not above or _ends(_parts(file.path)[:-1], above)]
                if fitting:
                    return _best(fitting, parts[:-1], split)
        return NONE


def _best(files: Sequence[StoredFile], above: Sequence[str], split: str) -> StoredFile | str:
    """Return the only file, else the only one in a folder of the split, else the one with the longest end."""
    if len(files) > 1 and split:
        files = [file for file in files if split in _splits_above(file.path)] or files
    if len(files) > 1:
        alike = [_common_end(_parts(file.path)[:-1], above) for file in files]
        files = [file for file, count in zip(files, alike, strict=True) if count == max(alike)]
    return files[0] if len(files) == 1 else SEVERAL


def _splits_above(path: str) -> set[str]:
    words = re.split(r"[^a-z]+", path.lower().rpartition("/")[0])
    return {SPLITS[word] for word in words if word in SPLITS}


def _telling(all_parts: Iterable[Sequence[str]]) -> int:
    """Return how many parts at their ends tell paths apart."""
    paths = {tuple(parts) for parts in all_parts}
    longest = max(map(len, paths))
    for length in range(1, longest):
        if len({parts[-length:] for parts in paths}) == len(paths):
            return length
    return longest


def _ends(parts: Sequence[str], end: Sequence[str]) -> bool:
    return not end or list(parts[-len(end) :]) == list(end)


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    while count < min(len(one), len(other)) and one[-1 - count] == other[-1 - count]:
        count += 1
    return count


def _path_of(name: str) -> str:
    """Return the path of a URL, as a file would be named; any other name as it is."""
    if not is_url(name):
        return name
    parts = urlsplit(name)
    return f"{parts.netloc}/{unquote(parts.path)}"


@lru_cache(1 << 17)
def _parts(name: str) -> list[str]:
    """Return the parts of a path in a form that is the same on every system."""
    plain = unicodedata.normalize("NFC", _path_of(name)).casefold().replace("\\", "/")
    return [part for part in plain.split("/") if part not in ("", ".")]


def _folded(path: str) -> str:
    return "/".join(_parts(path))


def _stem(name: str) -> str:
    return name.rpartition(".")[0] if looks_like_an_image(name) else name
