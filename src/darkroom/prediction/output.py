"""Files of predictions: written in parts beside the place of the file, then put together in one go.

A part holds the rows of consecutive images, and its name the hash of what they are made from: a second call
takes those that still fit, so that a killed process loses seconds of work.
"""

import hashlib
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from darkroom.data.storage import SourceError
from darkroom.files import atomic_write
from darkroom.prediction.flow import Classified
from darkroom.prediction.items import Item
from darkroom.prediction.results import Layout, table

FORMATS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
PART_SECONDS = 2.0  # a part is written at the latest after so long
PART_ROWS = 4096
PATTERN = "*.rows"


def format_of(path: str, given: str = "") -> str:
    """Return the format of a file: the given one, else by its name. Raises SourceError where it tells none.

    >>> format_of("a/predictions.Parquet"), format_of("-"), format_of("rows", "jsonl")
    ('parquet', 'csv', 'jsonl')
    """
    found = given or ("csv" if path == "-" else FORMATS.get(Path(path).suffix.lower(), ""))
    if not found:
        raise SourceError(
            f"{path!r} does not end as a table: needed {', '.join(FORMATS)}, or the format after --format"
        )
    return found


class Parts:
    """The parts of one table of predictions.

    Attributes:
        paths: of the parts, in the order of the images.
        count: of the images that are in them.
    """

    def __init__(self, folder: Path, items: Sequence[Item], key: str, layout: Layout) -> None:
        """Find the parts in `folder` that fit, from the first image on; remove the others.

        Args:
            folder: of the parts; made where it is missing.
            items: all images.
            key: what the predictions depend on beside the images: the model, and the columns.
            layout: the columns.
        """
        self.folder, self.items, self.key, self.layout = folder, items, key, layout
        self.paths: list[Path] = []
        self.count = 0
        self._rows: list[Classified] = []
        self._since = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        there = {int(path.name.partition("-")[0]): path for path in folder.glob(PATTERN)}
        while path := there.pop(self.count, None):
            rows = int(path.name.split("-")[1])
            if path.name != self._name(self.count, rows):
                path.unlink()
                break
            self.paths.append(path)
            self.count += rows
        for path in there.values():
            path.unlink()

    def add(self, rows: Classified) -> None:
        """Keep the predictions of the next images; every few seconds they are written."""
        self._rows.append(rows)
        many = sum(len(kept.items) for kept in self._rows) >= PART_ROWS
        if (many or time.monotonic() - self._since > PART_SECONDS) and not rows.gone:
            self.write()

    def write(self) -> None:
        """Write what is not written yet."""
        if self._rows:
            frame = table(self._rows, self.layout)
            path = self.folder / self._name(self.count, len(frame))
            with atomic_write(path) as file:
                pq.write_table(pa.Table.from_pandas(frame, self.layout.schema(), preserve_index=False), file)
            self.paths.append(path)
            self.count += len(frame)
        self._rows, self._since = [], time.monotonic()

    def write_kept(self) -> None:
        """Write what a stopped run has, but not images whose place does not answer: they are tried again."""
        while self._rows and self._rows[-1].gone:
            self._rows.pop()
        self.write()

    def together(self, to: str, kind: str) -> None:
        """Write all rows to the file `to`, `-` for standard output, and remove the parts."""
        self.write()
        if to == "-":
            _write(sys.stdout.buffer, self._tables(), kind, self.layout)
        else:
            with atomic_write(Path(to)) as file:
                _write(file, self._tables(), kind, self.layout)
        shutil.rmtree(self.folder)

    def counts(self) -> dict[str, int]:
        """Return how many images there are, and how many of them are unsure or could not be used."""
        unsure = bad = 0
        for path in self.paths:
            columns = pq.read_table(path, columns=["unsure", "reason"])
            unsure += sum(value is True for value in columns["unsure"].to_pylist())
            bad += len(columns) - columns["reason"].null_count
        return {"images": self.count, "unsure": unsure, "unusable": bad}

    def _tables(self) -> Iterator[pa.Table]:
        return (pq.read_table(path) for path in self.paths)

    def _name(self, start: int, rows: int) -> str:
        digest = hashlib.sha256(self.key.encode())
        for item in self.items[start : start + rows]:
            digest.update(f"{item.path}\0{item.version}\0".encode())
        return f"{start:09}-{rows}-{digest.hexdigest()[:32]}.rows"


def parts_folder(to: Path) -> Path:
    """Return where the parts of the file `to` are: hidden, beside it."""
    return to.with_name(f".{to.name}.parts")


def _write(file: IO[bytes], tables: Iterator[pa.Table], kind: str, layout: Layout) -> None:
    schema = layout.schema()
    if kind == "parquet":
        with pq.ParquetWriter(file, schema) as writer:
            for one in tables:
                writer.write_table(one.cast(schema))
        return
    if kind == "csv":
        file.write(_frame(schema.empty_table()).to_csv(index=False, lineterminator="\n").encode())
    for one in tables:
        frame = _frame(one)
        if kind == "csv":
            text = frame.to_csv(index=False, header=False, lineterminator="\n")
        else:
            text = frame.to_json(orient="records", lines=True, force_ascii=False, double_precision=9)
        file.write(text.encode())


def _frame(one: pa.Table) -> pd.DataFrame:
    types = {pa.bool_(): pd.BooleanDtype(), pa.string(): pd.StringDtype()}
    frame: pd.DataFrame = one.to_pandas(types_mapper=types.get)
    return frame
