"""What a format of labels offers, and what all formats use."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from darkroom.config.data import Data
from darkroom.data.annotations.base import SPLITS
from darkroom.data.annotations.names import JUNK, SUFFIXES, is_hidden, looks_like_an_image
from darkroom.data.label_sets import LabelSet, label_set
from darkroom.data.storage import Storage, StoredFile

__all__ = [
    "JUNK",
    "SPLITS",
    "SUFFIXES",
    "Format",
    "Labelled",
    "LabelledImage",
    "UnrecognisedError",
    "is_hidden",
    "looks_like_an_image",
]


@dataclass(frozen=True)
class LabelledImage:
    """An image with what the source says about it.

    Attributes:
        file: the image.
        label: name of its class; of several labels, all that it has, as a JSON list.
        split: train, validation or test where the source says so, else empty.
        group: what must not be in two parts (a patient, a day) where the source says so, else empty.
        unknown: of several labels, those of which it is not known whether it has them, as a JSON list.
    """

    file: StoredFile
    label: str
    split: str = ""
    group: str = ""
    unknown: str = ""

    @property
    def labels(self) -> LabelSet:
        """The labels of an image that may have several."""
        return label_set(self.label, self.unknown)


@dataclass(frozen=True)
class Labelled:
    """What a format found.

    Attributes:
        images: with their labels.
        left_out: other files, with the reason of each.
        notes: whole sentences for people about what was decided.
        sets: whether each image may have several labels.
    """

    images: list[LabelledImage]
    left_out: list[tuple[StoredFile, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sets: bool = False


class UnrecognisedError(Exception):
    """The files are not of a format; the message, if there is one, says what speaks against it."""


class Format(Protocol):
    """The function of a format's module."""

    def read(self, storage: Storage, files: Sequence[StoredFile], settings: Data) -> Labelled:
        """Read the labels.

        Raises UnrecognisedError where the files are of another format, and SourceError, which names what is
        wrong and where.
        """
        ...
