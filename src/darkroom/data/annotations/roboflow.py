"""Roboflow's `_classes.csv`: a column for each class, with 1 in those of the image."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from darkroom.data.annotations import table
from darkroom.data.annotations.base import Annotation, ColumnNames, Document

VERSION = re.compile(r"\.rf\.[0-9A-Za-z]+(\.\w+)?$")


def recognises(document: Document) -> bool:
    """Whether the file has Roboflow's name."""
    return PurePosixPath(document.path).name.lower() == "_classes.csv"


def read(document: Document, settings: ColumnNames) -> Iterable[Annotation]:
    """Return a row an image; the versions that Roboflow made of one photograph are one group."""
    for row in table.read(document, settings):
        photo = VERSION.sub("", row.image)
        yield replace(row, group=row.group or (photo if photo != row.image else ""))
