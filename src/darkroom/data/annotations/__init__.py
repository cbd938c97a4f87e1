"""Files with labels: tables and what labelling tools export. One file a kind, found in `PARSERS`.

A parser turns the bytes of one file into rows: an image by its name, and its labels. Where that image lies is
not decided here: see `labels`.
"""

from darkroom.data.annotations import (
    coco,
    cvat,
    label_studio,
    labelbox,
    labelme,
    roboflow,
    sagemaker,
    table,
    vertex,
    voc,
)
from darkroom.data.annotations.base import Annotation, AnnotationError, ColumnNames, Columns, Document, Parser
from darkroom.data.annotations.names import is_hidden

__all__ = [
    "PARSERS",
    "SUFFIXES",
    "Annotation",
    "AnnotationError",
    "ColumnNames",
    "Columns",
    "Document",
    "Parser",
    "may_have_labels",
    "parse",
    "parser_of",
]

# Each is asked in this order whether a file is of its kind; what is more particular comes first.
PARSERS: dict[str, Parser] = {
    "Label Studio": label_studio,
    "Labelbox": labelbox,
    "SageMaker": sagemaker,
    "Vertex AI": vertex,
    "Roboflow": roboflow,
    "COCO": coco,
    "LabelMe": labelme,
    "CVAT": cvat,
    "Pascal VOC": voc,
    "table": table,
}
SUFFIXES = (".csv", ".tsv", ".tab", ".parquet", ".jsonl", ".ndjson", ".json", ".manifest", ".xml")
LARGEST = 2 << 30  # bytes of a file that is looked at


def may_have_labels(path: str, size: int) -> bool:
    """Whether a file may hold labels, by its name and size.

    >>> may_have_labels("labels.CSV", 100), may_have_labels("a.jpg", 100), may_have_labels("._a.csv", 100)
    (True, False, False)
    """
    name = path.lower()
    # a contest's example of what to hand in has the right columns, and labels that mean nothing
    return name.endswith(SUFFIXES) and "submission" not in name and not is_hidden(path) and size <= LARGEST


def parser_of(document: Document) -> str:
    """Return the kind of a file with labels, a key of `PARSERS`; empty where it is of none."""
    for name, parser in PARSERS.items():
        try:
            if parser.recognises(document):
                return name
        except AnnotationError:  # damaged: this parser would say so when it reads it
            return name
    return ""


def parse(document: Document, settings: ColumnNames) -> list[Annotation]:
    """Return the rows of a file with labels. Raises AnnotationError where it is of no kind, or damaged."""
    name = parser_of(document)
    if not name:
        raise AnnotationError(f"it is of no kind that is known: {', '.join(PARSERS)}")
    return list(PARSERS[name].read(document, settings))
