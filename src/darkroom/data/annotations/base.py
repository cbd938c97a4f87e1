"""What files with labels have in common: a row for each image that they name."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Protocol
from xml.etree import ElementTree

from darkroom.data.annotations.text import encoding_of


class AnnotationError(ValueError):
    """A file with labels that cannot be read; the message says what is wrong in it and where."""


@dataclass(frozen=True)
class Annotation:
    """What a file says about one image.

    Attributes:
        image: how the file names it: a path, a name with or without a suffix, or a URL.
        labels: names of its classes, each once; none where it has no label.
        split: train, validation or test where the file says so, else empty.
        group: what must not be in two splits where the file says so, else empty.
        url: where the image can be fetched, if `image` is not that already.
        unknown: names of classes of which the file does not say whether the image has them.
    """

    image: str
    labels: tuple[str, ...]
    split: str = ""
    group: str = ""
    url: str = ""
    unknown: tuple[str, ...] = ()


class Document:
    """A file with labels, read in the way that its parser needs; each way is tried once.

    Attributes:
        path: of the file.
        data: its bytes.
        names: of the files that it may name; its encoding is one in which they are found.
    """

    def __init__(self, path: str, data: bytes, names: Sequence[str] = ()) -> None:
        self.path, self.data, self.names = path, data, names
        self.parsed: dict[str, Any] = {}  # what parsers made of it, for the next one

    @property
    def suffix(self) -> str:
        """The end of the name in lower case, with its dot."""
        return PurePosixPath(self.path).suffix.lower()

    @cached_property
    def text(self) -> str:
        """The text, in whatever encoding it is."""
        return self.data.decode(self.encoding, "replace")

    @cached_property
    def encoding(self) -> str:
        """The encoding of the text."""
        return encoding_of(self.data, self.names)

    @cached_property
    def json(self) -> Any:
        """The value of a JSON file; None where it is none."""
        if self.data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
            return None
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The objects of a JSON Lines file, or of a JSON list; none where it is neither.

        Raises AnnotationError for a line that is no JSON, after a first one that is.
        """
        if isinstance(self.json, list):
            return [one for one in self.json if isinstance(one, dict)]
        if self.suffix not in (".jsonl", ".ndjson", ".json", ".manifest", ".lst"):
            return []
        found: list[dict[str, Any]] = []
        for number, line in enumerate(self.text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                one = json.loads(line)
            except ValueError as error:
                if not found:
                    return []
                raise AnnotationError(f"line {number} is no JSON: {error}") from error
            if not isinstance(one, dict):
                return []
            found.append(one)
        return found

    @cached_property
    def xml(self) -> ElementTree.Element | None:
        """The root of an XML file; None where it is none, or declares entities, which may have no end."""
        if not self.data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or b"<!ENTITY" in self.data:
            return None
        try:
            return ElementTree.fromstring(self.data)  # noqa: S314  without entities nothing can expand
        except ElementTree.ParseError:
            return None


class ColumnNames(Protocol):
    """The columns that the parameters name (the section `data`); empty ones are found."""

    @property
    def image(self) -> str: ...  # noqa: D102
    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def labels(self) -> str: ...  # noqa: D102  one or several

    @property
    def split(self) -> str: ...  # noqa: D102
    @property
    def group(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Columns:
    """Names of columns; by default all are found."""

    image: str = ""
    label: str = ""
    labels: str = "one"
    split: str = ""
    group: str = ""


class Parser(Protocol):
    """The functions of a parser's module."""

    def recognises(self, document: Document) -> bool:
        """Whether the file is of this kind, by its content."""
        ...

    def read(self, document: Document, settings: ColumnNames) -> Iterable[Annotation]:
        """Return what the file says, in its order. Raises AnnotationError."""
        ...


# The usual names of parts, in folders, in columns and in names of files.
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}


def split_in_name(path: str) -> str:
    """Return the split that a file's folders or name stand for; empty if none.

    >>> split_in_name("annotations/instances_val2017.json"), split_in_name("train/_classes.csv")
    ('validation', 'train')
    >>> split_in_name("train_test.csv"), split_in_name("data/test-00000-of-00001/metadata.jsonl")
    ('', 'test')
    """
    for part in reversed(PurePosixPath(path.lower()).with_suffix("").parts):
        found = {SPLITS[word] for word in re.split(r"[^a-z]+", part) if word in SPLITS}
        if len(found) == 1:
            return found.pop()
        if found:
            return ""
    return ""


def unique(names: Iterable[Any]) -> tuple[str, ...]:
    """Return names as text, each once, without empty ones, in their order.

    >>> unique(["cat", "", "dog", "cat", 3, None])
    ('cat', 'dog', '3')
    """
    texts = (text_of(name) for name in names)
    return tuple(dict.fromkeys(text for text in texts if text))


def text_of(value: Any) -> str:
    """Return a cell as text: numbers without a needless fraction, nothing for what is missing.

    >>> text_of(3.0), text_of(float("nan")), text_of(None), text_of(" cat ")
    ('3', '', '', 'cat')
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return "" if text.lower() == "nan" else text


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Return all objects in a JSON value, the outer ones first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inside in value:
            yield from walk(inside)
