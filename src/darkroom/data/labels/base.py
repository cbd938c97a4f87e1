"""What a format of labels offers, and what all formats use."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

from darkroom.config.data import Data
from darkroom.data.storage import Storage, StoredFile

# The usual names of parts, in folders and in columns.
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
        *(".avif", ".heic", ".heif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm"),
    )
)
JUNK = frozenset(("__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found"))


@dataclass(frozen=True)
class LabelledImage:
    """An image with what the source says about it.

    Attributes:
        file: the image.
        label: name of its class.
        split: train, validation or test where the source says so, else empty.
        group: what must not be in two parts (a patient, a day) where the source says so, else empty.
    """

    file: StoredFile
    label: str
    split: str = ""
    group: str = ""


@dataclass(frozen=True)
class Labelled:
    """What a format found.

    Attributes:
        images: with their labels.
        left_out: other files, with the reason of each.
        notes: whole sentences for people about what was decided.
    """

    images: list[LabelledImage]
    left_out: list[tuple[StoredFile, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Format(Protocol):
    """The functions of a format's module."""

    def recognises(self, storage: Storage, files: Sequence[StoredFile], settings: Data) -> bool:
        """Whether the files are of this format."""
        ...

    def read(self, storage: Storage, files: Sequence[StoredFile], settings: Data) -> Labelled:
        """Read the labels. Raises SourceError, which names what is wrong and where."""
        ...


def is_hidden(path: str) -> bool:
    """Whether a file is hidden or of an operating system's own: no person put it there as an image.

    >>> is_hidden("cats/.ipynb_checkpoints/a.jpg"), is_hidden("cats/._a.jpg"), is_hidden("cats/a.jpg")
    (True, True, False)
    """
    return any(part.startswith(".") or part.lower() in JUNK for part in path.split("/"))


def looks_like_an_image(path: str) -> bool:
    """Whether a file's name ends as that of an image."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES
