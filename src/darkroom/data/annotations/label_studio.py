"""Label Studio's exports: JSON, JSON-MIN and CSV."""

import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from darkroom.data.annotations.base import Annotation, ColumnNames, Document, text_of, unique
from darkroom.data.annotations.grid import read_grid
from darkroom.data.annotations.names import is_url, looks_like_an_image

ADDED = {
    "annotator",
    "annotation_id",
    "lead_time",
    "created_at",
    "updated_at",
}  # to each row of the flat exports
KINDS = ("choices", "taxonomy", "rectanglelabels", "polygonlabels", "brushlabels", "ellipselabels", "labels")


def recognises(document: Document) -> bool:
    """Whether the file is a list of tasks, or has the columns of the flat exports."""
    first = next(iter(document.objects), {})
    if isinstance(first.get("data"), dict) and ("annotations" in first or "completions" in first):
        return True
    if first:
        return len(ADDED & set(first)) >= 3
    grid = read_grid(document) if document.suffix in (".csv", ".tsv") else None
    return grid is not None and len(ADDED & set(grid.names)) >= 3


def read(document: Document, settings: ColumnNames) -> Iterable[Annotation]:
    """Return a row an annotation: several people's of one image are several rows."""
    if not document.objects:
        grid = read_grid(document)
        rows = [dict(zip(grid.names, row, strict=True)) for row in grid.rows] if grid else []
        return [_of_flat(row, settings) for row in rows]
    return [
        annotation
        for task in document.objects
        for annotation in (_of_task(task) if "data" in task else [_of_flat(task, settings)])
    ]


def _of_task(task: dict[str, Any]) -> Iterator[Annotation]:
    image = _image(task["data"].values())
    done = [
        one for one in task.get("annotations", task.get("completions", [])) if not one.get("was_cancelled")
    ]
    for one in done:
        yield Annotation(image, _names(one.get("result", [])))
    if not done:
        yield Annotation(image, ())


def _of_flat(row: dict[str, Any], settings: ColumnNames) -> Annotation:
    data = {name: cell for name, cell in row.items() if name not in ADDED and name != "id"}
    image_column = settings.image or next((name for name, cell in data.items() if _is_image(cell)), "")
    label_column = settings.label or ("choice" if "choice" in data else "")
    label_column = label_column or next((name for name in data if name != image_column), "")
    return Annotation(_image([data.get(image_column)]), _choices(data.get(label_column)))


def _names(results: list[dict[str, Any]]) -> tuple[str, ...]:
    found: list[Any] = []
    for result in results:
        value = result.get("value", {})
        found += [name for kind in KINDS for name in value.get(kind, [])]
    return unique(
        name[-1] if isinstance(name, list) and name else name for name in found
    )  # of taxonomies, leaves


def _choices(cell: Any) -> tuple[str, ...]:
    """Return the names in a cell: one, or the JSON of several."""
    if isinstance(cell, str) and cell[:1] in ("{", "["):
        try:
            cell = json.loads(cell)
        except ValueError:
            return unique([cell])
    if isinstance(cell, dict):
        return unique(cell.get("choices", []))
    return unique(cell if isinstance(cell, list) else [cell])


def _image(cells: Iterable[Any]) -> str:
    """Return the image of a task; of a file on the server's disk the path that its URL asks for."""
    found = [text_of(cell) for cell in cells if _is_image(cell)]
    image = found[0] if found else ""
    asked = parse_qs(urlsplit(image).query).get("d") if "/local-files/" in image else None
    return asked[0] if asked else image if is_url(image) else unquote(image)


def _is_image(cell: Any) -> bool:
    return isinstance(cell, str) and (
        is_url(cell) or cell.startswith("/data/") or looks_like_an_image(urlsplit(cell).path)
    )
