"""Images inside tables: the Parquet and Arrow files of Hugging Face's datasets."""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from darkroom.data.annotations.grid import class_names
from darkroom.data.storage.base import SourceError, StoredFile

TABLE = "metadata.jsonl"  # not in the file: the other columns, in the convention of tables beside images
KEPT = 4  # groups of rows in memory: threads read them one after the other


class ArrowImages:
    """The rows of a Parquet or Arrow file as image files, and their other columns as a table beside them."""

    table = ""
    readers = 1

    def __init__(self, path: Path) -> None:
        """Open the file at an absolute path."""
        self.path, self.name, self.place = path, path.stem, str(path)
        status = path.stat()
        self.version = f"{status.st_mtime_ns}-{status.st_size}"
        self._group = lru_cache(KEPT)(self._read_group)

    def files(self) -> Iterator[StoredFile]:
        """List the images by their numbers, then the table."""
        for number in range(len(self._groups)):
            sizes = pc.binary_length(self._bytes(number)).to_pylist()
            for row, size in enumerate(sizes, start=self._groups[number]):
                problem = "" if size else "the row has no image"
                yield StoredFile(f"{row:08d}.image.png", size or 0, self.version, problem)
        yield StoredFile(TABLE, len(self.read(TABLE)), self.version)

    def read(self, path: str) -> bytes:
        """Return the bytes of an image, or of the table. Raises OSError."""
        if path == TABLE:
            return self._metadata
        row = int(PurePosixPath(path).name.partition(".")[0])
        number = max(place for place, start in enumerate(self._groups) if start <= row)
        value = self._bytes(number)[row - self._groups[number]].as_py()
        if value is None:
            raise FileNotFoundError("the row has no image")
        return bytes(value)

    @cached_property
    def _opened(self) -> Any:
        try:
            if self.path.suffix.lower() == ".parquet":
                return pq.ParquetFile(self.path, memory_map=True)
            source = pa.memory_map(str(self.path))
            try:
                return pa.ipc.open_stream(source).read_all()
            except pa.ArrowInvalid:
                return pa.ipc.open_file(pa.memory_map(str(self.path))).read_all()
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{self.path} is not a whole {self.path.suffix} file: {error}") from error

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        return self._opened.schema_arrow if isinstance(self._opened, pq.ParquetFile) else self._opened.schema

    @cached_property
    def _groups(self) -> Sequence[int]:
        """The first row of each group of rows that is read at once."""
        if not isinstance(self._opened, pq.ParquetFile):
            return [0]
        starts, start = [], 0
        for number in range(self._opened.num_row_groups):
            starts.append(start)
            start += self._opened.metadata.row_group(number).num_rows
        return starts

    def _read_group(self, number: int) -> pa.Table:
        name = image_column(self.schema)
        if isinstance(self._opened, pq.ParquetFile):
            return pq.ParquetFile(self.path, memory_map=True).read_row_group(number, columns=[name])
        return self._opened.select([name])

    def _bytes(self, number: int) -> Any:
        column = self._group(number).column(0)
        return pc.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column

    @cached_property
    def _metadata(self) -> bytes:
        image = image_column(self.schema)
        others = [
            field.name for field in self.schema if field.name != image and not pa.types.is_nested(field.type)
        ]
        lists = [field.name for field in self.schema if pa.types.is_list(field.type)]
        columns = [*others, *lists]
        table = (
            self._opened.read(columns=columns)
            if isinstance(self._opened, pq.ParquetFile)
            else self._opened.select(columns)
        )
        names = class_names(self.schema)
        lines = []
        for row, cells in enumerate(table.to_pylist()):
            for name, known in names.items():
                cells[name] = _named(cells.get(name), known)
            lines.append(json.dumps({"file_name": f"{row:08d}.image.png", **cells}, default=str))
        return "\n".join(lines).encode()


def image_column(schema: pa.Schema) -> str:
    """Return the column with the bytes of image files; empty if there is none."""
    found = [field.name for field in schema if _holds_files(field.type)]
    named = [name for name in found if name.lower() in ("image", "img", "picture", "photo")]
    return next(iter([*named, *found]), "")


def holds_images(path: Path) -> bool:
    """Whether a file is a Parquet or Arrow file with images in it."""
    if path.suffix.lower() not in (".parquet", ".arrow"):
        return False
    try:
        return bool(image_column(ArrowImages(path).schema))
    except SourceError:
        return False


def _holds_files(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(kind.field(n).name == "bytes" for n in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _named(cell: Any, names: Sequence[str]) -> Any:
    if isinstance(cell, list):
        return [_named(one, names) for one in cell]
    return names[cell] if isinstance(cell, int) and 0 <= cell < len(names) else None
