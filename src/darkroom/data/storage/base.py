"""What a storage offers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

MANY_READERS = 16  # of a server
LARGEST = 256 << 20  # bytes of one image: more is no photograph, or an attempt to fill the memory


class SourceError(Exception):
    """A source that cannot be used; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a storage.

    Attributes:
        path: below the source, with `/` between its parts.
        size: in bytes.
        version: changes when the content may have changed: a time of modification, a checksum, an etag.
        problem: why it cannot be read, where that is known already; else empty.
    """

    path: str
    size: int
    version: str
    problem: str = ""


class Storage(Protocol):
    """A place with files. It is only read: nothing is ever written into it.

    Attributes:
        name: of the place, for a data set that has no name of its own: the last part of a path.
        place: the place as an absolute path or URL, for people and as a key.
        table: path of the file with the labels, where the source names one; else empty.
        readers: threads that read at once, if the machine has fewer cores: many where reading is waiting.
    """

    name: str
    place: str
    table: str

    @property
    def readers(self) -> int: ...  # noqa: D102

    def files(self) -> Iterator[StoredFile]:
        """List all files, hidden ones too, in an order that depends on their names only."""
        ...

    def read(self, path: str) -> bytes:
        """Return the bytes of the file at `path`. Raises OSError. Several threads may call it at once."""
        ...


def path_bytes(path: str) -> bytes:
    """Return a path for a table or a hash; not all names of files are valid Unicode: see `path_text`."""
    return path.encode("utf-8", "surrogateescape")


def path_text(path: bytes) -> str:
    r"""Return the path that `path_bytes` was given; bytes that are not Unicode become surrogates.

    >>> path_text(b"caf\xe9.jpg") == "caf\udce9.jpg", path_bytes("caf\udce9.jpg")
    (True, b'caf\xe9.jpg')
    """
    return path.decode("utf-8", "surrogateescape")


def printable(path: str) -> str:
    r"""Return a path with bytes that are not Unicode replaced: it must survive every kind of table.

    >>> printable("a\udcff.png")
    'a�.png'
    """
    return path_bytes(path).decode("utf-8", "replace")
