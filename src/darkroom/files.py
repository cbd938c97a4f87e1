"""Files: written atomically, and identified by the hash of their content."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # takes half a second to import, and not every command writes tables
    import pandas as pd


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that appears at `path` only when the block ends without an error.

    The bytes are written to a temporary file in the same folder, flushed to the disk, and renamed. On an
    error the temporary file is removed and the file at `path` stays as it was. Missing folders are created.
    An OSError, such as one for a full disk, names `path`.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder) / "a.txt") as file:
    ...         _ = file.write(b"whole")
    ...     (Path(folder) / "a.txt").read_text()
    'whole'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        error.filename = str(path)  # people know nothing of the temporary file
        raise
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(aside).chmod(0o644)  # mkstemp makes the file private; an output is not
        Path(aside).replace(path)
    except BaseException as error:
        Path(aside).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, aside):
            error.filename = str(path)
        raise


@contextmanager
def folder_aside(destination: Path) -> Iterator[Path]:
    """Yield a new folder, which replaces `destination` when the block ends without an error."""
    destination = Path(destination)
    aside = destination.with_name(f".{destination.name}.new")
    before = destination.with_name(f".{destination.name}.old")
    for leftover in (aside, before):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
        if destination.exists():
            destination.rename(before)
        aside.rename(destination)
    except BaseException:
        if before.exists() and not destination.exists():
            before.rename(destination)
        shutil.rmtree(aside, ignore_errors=True)
        raise
    shutil.rmtree(before, ignore_errors=True)


def copy_file(source: Path, path: Path) -> None:
    """Copy a file's content, atomically."""
    with open(source, "rb") as content, atomic_write(path) as file:
        shutil.copyfileobj(content, file)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_write(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically. Raises ValueError for NaN and infinity."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write `table` as CSV without its index, atomically."""
    with atomic_write(path) as file:
        table.to_csv(file, index=False)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write `array` as `.npy` without pickle, atomically."""
    with atomic_write(path) as file:
        # into an open file NumPy writes by itself, and does not say why it could not (numpy#17589)
        writer: Any = SimpleNamespace(write=file.write)
        np.save(writer, array, allow_pickle=False)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_files(paths: Iterable[Path], root: Path) -> str:
    """Return one SHA-256 for several files: their paths relative to `root` and their contents.

    The order of `paths` does not matter.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(path) for path in paths):
        digest.update(f"{path.relative_to(root).as_posix()}\0{sha256_file(path)}\n".encode())
    return digest.hexdigest()
