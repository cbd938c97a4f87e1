"""The listing of a source: what must be read again is what changed in it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from darkroom.data.storage import StoredFile
from darkroom.data.storage.base import path_bytes, path_text
from darkroom.files import atomic_write

COLUMNS = ("path", "size", "version", "problem")


def write_listing(path: Path, files: Iterable[StoredFile]) -> int:
    """Write the files of a source as a table, to the bit the same for the same files; return how many."""
    rows = list(files)
    table = pa.table(
        {
            # not all names of files are valid Unicode: the bytes that are not become surrogates
            "path": pa.array([path_bytes(row.path) for row in rows], pa.binary()),
            "size": pa.array([row.size for row in rows], pa.int64()),
            "version": pa.array([row.version for row in rows], pa.string()),
            "problem": pa.array([row.problem for row in rows], pa.string()),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        pq.write_table(table, file)
    return len(rows)


def read_listing(path: Path) -> Iterator[StoredFile]:
    """Read what `write_listing` wrote."""
    columns = [pq.read_table(path).column(name).to_pylist() for name in COLUMNS]
    for name, size, version, problem in zip(*columns, strict=True):
        yield StoredFile(path_text(name), size, version, problem)
