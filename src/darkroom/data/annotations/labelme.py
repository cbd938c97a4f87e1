"""LabelMe: a JSON file an image, with flags for the whole image and shapes in it."""

from collections.abc import Iterable

from darkroom.data.annotations.base import Annotation, ColumnNames, Document, text_of, unique


def recognises(document: Document) -> bool:
    """Whether the file describes one image with shapes."""
    value = document.json
    return isinstance(value, dict) and "imagePath" in value and isinstance(value.get("shapes"), list)


def read(document: Document, settings: ColumnNames) -> Iterable[Annotation]:
    """Return one row: the flags that are set, else the labels of the shapes."""
    value = document.json
    flags = [name for name, is_set in (value.get("flags") or {}).items() if is_set]
    names = unique(flags or [shape.get("label") for shape in value["shapes"]])
    yield Annotation(text_of(value["imagePath"]), names)
