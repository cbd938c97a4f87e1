"""SageMaker Ground Truth: an augmented manifest, a JSON object a line with `source-ref`."""

from collections.abc import Iterable
from typing import Any

from darkroom.data.annotations.base import Annotation, AnnotationError, ColumnNames, Document, text_of, unique

METADATA = "-metadata"


def recognises(document: Document) -> bool:
    """Whether the file's objects have a `source-ref`."""
    return "source-ref" in next(iter(document.objects), {})


def read(document: Document, settings: ColumnNames) -> Iterable[Annotation]:
    """Return a row an image. Raises AnnotationError where several attributes may be the label."""
    lines = document.objects
    attributes = sorted(
        {name.removesuffix(METADATA) for line in lines for name in line if name.endswith(METADATA)}
    )
    if not attributes:  # labelled without Ground Truth
        attributes = sorted({name for line in lines for name in line if name != "source-ref"})
    if settings.label:
        attributes = [name for name in attributes if name == settings.label]
    if len(attributes) != 1:
        raise AnnotationError(
            f"it has {len(attributes)} attributes that may be the label ({', '.join(attributes)}): "
            "set data.label to one of them"
        )
    (attribute,) = attributes
    return [Annotation(text_of(line.get("source-ref")), _names(line, attribute)) for line in lines]


def _names(line: dict[str, Any], attribute: str) -> tuple[str, ...]:
    value, metadata = line.get(attribute), line.get(f"{attribute}{METADATA}", {})
    if "class-name" in metadata:
        return unique([metadata["class-name"]])
    if isinstance(value, dict):  # boxes
        value = [one.get("class_id") for one in value.get("annotations", [])]
    names = metadata.get("class-map", {})
    return unique(names.get(str(one), one) for one in (value if isinstance(value, list) else [value]))
