"""A table with a row an image: a column for the image and one for its label, or a column a class."""

import ast
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from darkroom.data.annotations.base import Annotation, AnnotationError, ColumnNames, Document, text_of, unique
from darkroom.data.annotations.columns import IMAGES, answer_of, find_columns, plain, split_of
from darkroom.data.annotations.grid import Grid, read_grid
from darkroom.data.annotations.names import is_url, looks_like_an_image

SEVERAL = ("labels", "classes", "categories", "tags", "attributeids")  # columns that may hold several
SIGNS = "|;,"


def recognises(document: Document) -> bool:
    """Whether the file is a table with more than one column, one of which may name images."""
    grid = read_grid(document)
    if grid is None or len(grid.names) < 2:
        return False
    usual = any(plain(name) in IMAGES for name in grid.names)
    return usual or any(_names_image(cell) for row in [grid.names, *grid.rows[:5]] for cell in row)


def read(document: Document, settings: ColumnNames) -> Iterable[Annotation]:
    """Return a row an image. Raises AnnotationError where no column can be the image, or none the label."""
    grid = read_grid(document)
    if grid is not None and any(map(_names_image, grid.names)):  # the first row is data: there is no header
        grid = read_grid(document, header=False)
    if grid is None:
        raise AnnotationError("it is no table: CSV, TSV, JSON Lines and Parquet are read")
    columns = find_columns(grid, settings)
    known = ", ".join(map(repr, grid.names))
    if columns is None:
        raise AnnotationError(f"no column names images: set data.image to one of {known}")
    only_splits = settings.split or settings.group  # the labels may be those of the folders
    if not columns.label and not columns.one_hot and not only_splits:
        raise AnnotationError(f"no column has the labels: set data.label to one of {known}")
    images = grid.column(columns.image)
    several = settings.labels == "several"
    unknown: list[tuple[str, ...]] = [()] * len(images)
    if columns.one_hot:
        labels = _answered(grid, columns.one_hot, 1.0)
        unknown = _answered(grid, columns.one_hot, -1.0) if several else unknown
    else:
        labels = _labels(grid, columns.label, several=several)
    splits = grid.column(columns.split) if columns.split else [""] * len(images)
    groups = grid.column(columns.group) if columns.group else [""] * len(images)
    for image, names, split, group, open_ in zip(images, labels, splits, groups, unknown, strict=True):
        yield Annotation(text_of(image), names, split_of(split), text_of(group), unknown=open_)


def _labels(grid: Grid, column: str, *, several: bool) -> list[tuple[str, ...]]:
    if not column:
        return [()] * len(grid.rows)
    cells = grid.column(column)
    if any(isinstance(cell, list) for cell in cells):
        return [unique(cell if isinstance(cell, list) else [cell]) for cell in cells]
    texts = [text_of(cell) for cell in cells]
    lists = [_list(text) for text in texts] if several else [None]
    if any(lists):
        return [unique([text] if names is None else names) for text, names in zip(texts, lists, strict=True)]
    divider = divider_of(texts) if several or plain(column) in SEVERAL else ""
    return [unique(re.split(divider, text)) if divider else unique([text]) for text in texts]


def divider_of(texts: Sequence[str]) -> str:
    r"""Return the pattern that divides cells with several labels; empty where each cell is one label.

    Blanks divide only if there are fewer parts than different cells, because names have blanks too.

    >>> divider_of(["cat|dog", "cat"]), divider_of(["a b", "b c", "a c", "c"]), divider_of(["a dog"])
    ('[|]', '\\s+', '')
    """
    for sign in SIGNS:
        if any(sign in text for text in texts):
            return f"[{sign}]"
    cells = {" ".join(sorted(text.split())) for text in texts}
    parts = {part for text in cells for part in text.split()}
    return r"\s+" if any(" " in text for text in cells) and len(parts) < len(cells) else ""


def _list(text: str) -> list[Any] | None:
    """Return the list that a cell writes out in JSON, or as Python prints it; None where it is none."""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            names = read(text)
        except (ValueError, SyntaxError, RecursionError):
            continue
        if isinstance(names, list):
            return names
    return None


def _answered(grid: Grid, columns: Sequence[str], answer: float) -> list[tuple[str, ...]]:
    """Return for each row the names of the columns that give this answer: 1 yes, -1 unknown."""
    places = [(list(grid.names).index(name), name) for name in columns]
    return [unique(name for place, name in places if answer_of(row[place]) == answer) for row in grid.rows]


def _names_image(cell: Any) -> bool:
    return isinstance(cell, str) and (is_url(cell) or looks_like_an_image(cell))
