"""CVAT for images: an XML file with the tags of each image (its ImageNet layout is folders)."""

from collections.abc import Iterable

from darkroom.data.annotations.base import Annotation, ColumnNames, Document, unique
from darkroom.data.annotations.columns import split_of


def recognises(document: Document) -> bool:
    """Whether the file lists images by name under `annotations`."""
    root = document.xml
    return root is not None and root.tag == "annotations" and root.find("image[@name]") is not None


def read(document: Document, settings: ColumnNames) -> Iterable[Annotation]:
    """Return a row an image: its tags, or the labels of its shapes where no image has a tag."""
    root = document.xml
    assert root is not None  # as recognises saw
    images = root.findall("image")
    shapes = not any(image.find("tag") is not None for image in images)
    for image in images:
        inside = image.iterfind("*[@label]" if shapes else "tag")
        names = unique(one.get("label") for one in inside)
        yield Annotation(image.get("name", ""), names, split_of(image.get("subset")))
