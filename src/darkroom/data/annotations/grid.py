"""Tables of text: CSV in its dialects, TSV, JSON Lines and Parquet as a header and rows."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from darkroom.data.annotations.base import AnnotationError, Document
from darkroom.data.annotations.names import looks_like_an_image

SEPARATORS = ",;\t|"
TOLD = re.compile(r"(?i)sep=(.)")
SNIFFED = 50  # lines by which the separator is found
TEXTS = (".csv", ".tsv", ".tab", ".txt")
csv.field_size_limit(1 << 27)  # a cell with a polygon is longer than the default allows


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        names: of the columns.
        rows: cells of each row, as many as there are names; text, or the lists and objects of JSON.
    """

    names: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def column(self, name: str) -> list[Any]:
        """Return the cells of a column."""
        place = list(self.names).index(name)
        return [row[place] for row in self.rows]


def read_grid(document: Document, *, header: bool = True) -> Grid | None:
    """Read a table, once; None where the file is none. Raises AnnotationError for a damaged one.

    Without a header, the names of the columns are their numbers.
    """
    key = "with a header" if header else "without a header"
    if key not in document.parsed:
        document.parsed[key] = _read(document, header=header)
    grid: Grid | None = document.parsed[key]
    return grid


def _read(document: Document, *, header: bool) -> Grid | None:
    if document.suffix in TEXTS:
        return _of_text(document, header=header)
    if document.suffix == ".parquet":
        return _of_parquet(document.data)
    if isinstance(document.json, dict) and (mapping := _of_mapping(document.json)):
        return mapping
    objects = document.objects
    if not objects:
        return None
    names = list(dict.fromkeys(name for one in objects for name in one))
    return Grid(names, [[one.get(name) for name in names] for one in objects])


def separator(lines: Sequence[str]) -> str:
    r"""Return the separator that divides all lines into the same number of cells, the most if several do.

    >>> separator(["name;label", "a,1.jpg;cat"]), separator(["name\tlabel", '"a, b"\tcat'])
    (';', '\t')
    """
    best, found = (-1.0, 0), ","
    for one in SEPARATORS:
        widths = [len(row) for row in csv.reader(lines, delimiter=one) if row]
        if not widths or widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        if (alike, widths[0]) > best:
            best, found = (alike, widths[0]), one
    return found


def _of_mapping(value: dict[str, Any]) -> Grid | None:
    """Return the rows of `{"a.jpg": "cat"}`, or of `{"cat": ["a.jpg"]}`; None where the value is neither."""
    if value and all(map(looks_like_an_image, value)):
        labels = [one.get("label") if isinstance(one, dict) else one for one in value.values()]
        return Grid(["image", "label"], list(zip(value, labels, strict=True)))
    if value and all(isinstance(names, list) for names in value.values()):
        rows = [(name, label) for label, names in value.items() for name in names]
        if rows and all(isinstance(name, str) and looks_like_an_image(name) for name, _ in rows):
            return Grid(["image", "label"], rows)
    return None


def _of_text(document: Document, *, header: bool) -> Grid | None:
    text = document.text
    if "\0" in text[:1024]:
        return None
    start = [line for line in text[: 1 << 20].splitlines()[:SNIFFED] if line.strip()]
    if not start:
        return None
    divider = separator(start)
    if told := TOLD.fullmatch(start[0]):  # Excel's way to say it
        divider, text = told[1], text.partition(start[0])[2]
    if document.suffix == ".txt" and not any(divider in line for line in start):
        lines = [line.rsplit(maxsplit=1) for line in text.splitlines() if line.strip()]  # `path label`
        return Grid(["0", "1"], [line if len(line) == 2 else [*line, ""] for line in lines])
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=divider) if any(row)]
    except csv.Error as error:
        raise AnnotationError(f"it is no CSV: {error}") from error
    width = max(map(len, rows)) if not header else len(rows[0])
    for number, row in enumerate(rows, start=1):
        if len(row) > width and any(row[width:]):
            raise AnnotationError(
                f"row {number} has {len(row)} cells, but the header {width}: {divider.join(row)[:100]!r}. "
                'Put a cell with the separator in it into quotes ("…")'
            )
    padded = [[cell.strip() for cell in row[:width]] + [""] * (width - len(row)) for row in rows]
    return Grid(padded[0], padded[1:]) if header else Grid([str(n) for n in range(width)], padded)


def _of_parquet(data: bytes) -> Grid | None:
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        names = [field.name for field in file.schema_arrow if not _holds_bytes(field.type)]
        table = file.read(columns=names)
    except pa.ArrowException as error:
        raise AnnotationError(f"it is no whole Parquet file: {error}") from error
    classes = class_names(file.schema_arrow)
    columns = []
    for name in names:
        cells = table.column(name).to_pylist()
        known = classes.get(name)
        columns.append([_named(cell, known) for cell in cells] if known else cells)
    return Grid(names, list(zip(*columns, strict=True)) if columns else [])


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the names of the classes by column where Hugging Face's datasets wrote them into the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    found = {}
    for name, feature in features.items():
        inside = feature.get("feature", feature) if isinstance(feature, dict) else {}
        if isinstance(inside, dict) and isinstance(inside.get("names"), list):
            found[name] = [str(one) for one in inside["names"]]
    return found


def _named(cell: Any, names: Sequence[str]) -> Any:
    if isinstance(cell, list):
        return [_named(one, names) for one in cell]
    # -1 stands for no label in Hugging Face's test parts
    return names[cell] if isinstance(cell, int) and 0 <= cell < len(names) else None


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(_holds_bytes(kind.field(number).type) for number in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
