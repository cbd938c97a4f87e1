"""Pascal VOC: an XML file an image, with the objects in it."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from darkroom.data.annotations.base import Annotation, ColumnNames, Document, unique


def recognises(document: Document) -> bool:
    """Whether the file describes one image with objects."""
    root = document.xml
    return root is not None and root.tag == "annotation" and root.find("size") is not None


def read(document: Document, settings: ColumnNames) -> Iterable[Annotation]:
    """Return one row: the set of the objects' categories."""
    root = document.xml
    assert root is not None  # as recognises saw
    name = (root.findtext("filename") or "").strip() or PurePosixPath(document.path).stem
    yield Annotation(name, unique(one.findtext("name") for one in root.iterfind("object")))
