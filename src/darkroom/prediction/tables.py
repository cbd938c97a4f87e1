"""Tables whose rows name images, with or without labels, and what labelling tools export."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from darkroom.data.annotations import Annotation, AnnotationError, Columns, Document, parse, parser_of
from darkroom.data.annotations.base import text_of
from darkroom.data.annotations.columns import find_columns
from darkroom.data.annotations.grid import read_grid
from darkroom.data.annotations.names import is_url, looks_like_an_image
from darkroom.data.labels.references import NONE, References
from darkroom.data.storage import SourceError, Storage, StoredFile
from darkroom.data.storage.label_file import Neighbours, WithLabels
from darkroom.prediction.lists import there


def table_rows(storage: Storage, column: str = "") -> Iterator[tuple[str, StoredFile | str]]:
    """Return what each row of the table of `storage` names, and its file, or why there is none.

    A name is a URL, an absolute path, or relative to the table. Where fewer than half are found so, the
    files are found by the ends of their paths, as `References` says.

    Raises SourceError where the table cannot be read, or no column names images.
    """
    assert isinstance(storage, WithLabels)
    try:
        document = Document(storage.table, storage.read(storage.table))
        rows = _names(document, column)
    except (AnnotationError, OSError) as error:
        raise SourceError(f"{storage.place}/{storage.table}: {error}") from error
    found = [_exactly(storage, row) for row in rows]
    if 2 * sum(file is not None for file in found) < len(rows):
        annotations = [Annotation(row, ()) for row in rows]
        files = References(storage.inner.files(), storage.place).find(annotations, "")
    else:
        files = [file or NONE for file in found]
    yield from zip(rows, files, strict=True)


def _names(document: Document, column: str) -> Sequence[str]:
    """Return the name of the image in each row."""
    if not column and parser_of(document) not in ("", "table"):
        return [row.url or row.image for row in parse(document, Columns())]
    if isinstance(document.json, list) and all(isinstance(one, str) for one in document.json):
        return list(map(str, document.json))
    grid = read_grid(document)
    if grid is not None and any(is_url(name) or looks_like_an_image(name) for name in map(str, grid.names)):
        grid = read_grid(document, header=False)
    if grid is None:
        raise AnnotationError("it is no table: CSV, TSV, JSON Lines and Parquet are read")
    names = list(map(str, grid.names))
    known = ", ".join(map(repr, names))
    if column and column not in names:
        raise AnnotationError(f"it has no column {column!r} (--image); there are {known}")
    if not column and len(names) > 1:
        columns = find_columns(grid, Columns())
        if columns is None:
            raise AnnotationError(f"no column names images: name one of {known} after --image")
        column = columns.image
    return [text_of(cell) for cell in grid.column(column or names[0])]


def _exactly(storage: WithLabels, name: str) -> StoredFile | None:
    """Return the file of that very name: at a URL, at an absolute path, or beside the table."""
    if is_url(name):
        return StoredFile(name, 0, "")
    plain = name.replace("\\", "/")
    if not plain:
        return None
    if isinstance(storage.inner, Neighbours):
        return StoredFile(plain, 0, "")
    for one in dict.fromkeys((name, plain)):
        path = Path(storage.place, one) if storage.place.startswith("/") else Path(one)
        if path.is_absolute() and there(path) and path.is_file():
            status = path.stat()
            return StoredFile(str(path), status.st_size, str(status.st_mtime_ns))
    return None
