"""Vertex AI: a CSV without header (`[use,]gs://…,label`), or the JSON Lines of an import."""

import csv
from collections.abc import Iterable
from typing import Any

from darkroom.data.annotations.base import Annotation, ColumnNames, Document, text_of, unique, walk
from darkroom.data.annotations.columns import plain, split_of
from darkroom.data.annotations.grid import read_grid

PLACE = "gs://"
LONGEST_ROW = 10_000  # characters


def recognises(document: Document) -> bool:
    """Whether the first row has the URL of an object in a bucket as its first or second cell."""
    if document.suffix == ".csv":
        first = next(csv.reader(document.text[:LONGEST_ROW].splitlines()), [])
        return any(cell.strip().startswith(PLACE) for cell in first[:2])
    return "imageGcsUri" in next(iter(document.objects), {})


def read(document: Document, settings: ColumnNames) -> Iterable[Annotation]:
    """Return a row an image."""
    if document.suffix != ".csv":
        return [_of_object(one) for one in document.objects]
    grid = read_grid(document, header=False)
    return [_of_row(row) for row in grid.rows] if grid else []


def _of_row(row: Any) -> Annotation:
    use = "" if str(row[0]).startswith(PLACE) else row[0]
    image, *names = row[1:] if use else row
    return Annotation(text_of(image), unique(names), split_of(use))


def _of_object(one: dict[str, Any]) -> Annotation:
    uses = one.get("dataItemResourceLabels", {})
    use = next((value for name, value in uses.items() if plain(name).endswith("mluse")), "")
    return Annotation(
        text_of(one.get("imageGcsUri")),
        unique(inside["displayName"] for inside in walk(one) if "displayName" in inside),
        split_of(use),
    )
