"""The examination of all files of a source: in parallel, and only of those that changed."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from darkroom.data.scan.facts import Facts, examine, is_grey
from darkroom.data.scan.pixels import PixelStore
from darkroom.data.storage import Storage, StoredFile
from darkroom.data.storage.base import path_bytes, path_text
from darkroom.files import atomic_write
from darkroom.images.resizing import Fit

CHUNK = 256  # files examined, and kept in memory, at once
KEEP_AFTER_S = 10.0  # the facts are written: an interrupted scan goes on from there
SHARE_OF_KEEPING = 0.05  # of the time at most, because there may be a million of them
GREY_SAMPLE = 100  # images that are looked at to find out whether all are grey
FACTS = [field.name for field in fields(Facts)]


def examine_all(
    storage: Storage, files: Sequence[StoredFile], store: PixelStore, known: Path, *, workers: int
) -> pd.DataFrame:
    """Return the facts of each file, in the order of `files`, and add its pixels to `store`.

    Files whose path, size and version are in the table `known` from an earlier call, and whose pixels are in
    the store, are not read again. The table is written every few seconds and when the call is interrupted.

    Returns:
        A row a file: path, size, version, and the fields of `Facts`.
    """
    facts = _read_known(known)
    todo = []
    for file in files:
        fact = facts.get((file.path, file.size, file.version))
        if fact is None or not (fact.problem or fact.sha256 in store.places):
            todo.append(file)
    written_at, wait_s = time.monotonic(), KEEP_AFTER_S
    work = partial(_examine_one, storage, store.shape, store.fit)
    try:
        with (
            ThreadPoolExecutor(max(workers, storage.readers)) as pool,
            tqdm(
                total=len(files), initial=len(files) - len(todo), desc="scan", unit="images", disable=None
            ) as bar,
        ):
            for chunk in _chunks(todo):
                done = list(pool.map(work, chunk))
                store.add({fact.sha256: pixels for fact, pixels in done if pixels is not None})
                for file, (fact, _) in zip(chunk, done, strict=True):
                    facts[file.path, file.size, file.version] = fact
                bar.update(len(chunk))
                started_at = time.monotonic()
                if started_at - written_at > wait_s:
                    _write_known(known, facts)
                    written_at = time.monotonic()
                    wait_s = max(KEEP_AFTER_S, (written_at - started_at) / SHARE_OF_KEEPING)
    finally:
        if todo:
            _write_known(known, facts)
    keys = [(file.path, file.size, file.version) for file in files]
    return _table(keys, [facts[key] for key in keys])


def all_grey(storage: Storage, files: Sequence[StoredFile]) -> bool:
    """Whether the images are grey, judged by a sample spread over all files."""
    step = max(1, len(files) // GREY_SAMPLE)
    seen = []
    for file in files[::step]:
        try:
            seen.append(is_grey(storage.read(file.path)))
        except OSError:
            continue
    known = [grey for grey in seen if grey is not None]
    return bool(known) and all(known)


def _examine_one(
    storage: Storage, shape: tuple[int, int, int], fit: Fit, file: StoredFile
) -> tuple[Facts, NDArray[np.uint8] | None]:
    if file.problem:
        return Facts(problem=file.problem), None
    height, width, channels = shape
    try:
        data = storage.read(file.path)
    except OSError as error:  # it vanished, or may not be read
        return Facts(problem=f"cannot be read: {error.strerror or error}"), None
    return examine(data, height=height, width=width, channels=channels, fit=fit)


def _chunks(files: Sequence[StoredFile]) -> Iterator[Sequence[StoredFile]]:
    for start in range(0, len(files), CHUNK):
        yield files[start : start + CHUNK]


def _table(keys: Iterable[tuple[str, int, str]], facts: Iterable[Facts]) -> pd.DataFrame:
    rows = [
        {"path": path, "size": size, "version": version, **vars(fact)}
        for (path, size, version), fact in zip(keys, facts, strict=True)
    ]
    return pd.DataFrame(rows, columns=["path", "size", "version", *FACTS])


def _read_known(path: Path) -> dict[tuple[str, int, str], Facts]:
    if not path.is_file():
        return {}
    table = pd.read_parquet(path)
    if list(table.columns) != ["path", "size", "version", *FACTS]:
        return {}  # written by another version of this code
    keys = zip(map(path_text, table["path"]), table["size"], table["version"], strict=True)
    facts = (Facts(*row) for row in table[FACTS].itertuples(index=False, name=None))
    return dict(zip(keys, facts, strict=True))


def _write_known(path: Path, facts: dict[tuple[str, int, str], Facts]) -> None:
    # what could not be read may be there the next time
    facts = {key: fact for key, fact in facts.items() if fact.sha256}
    table = _table(facts, facts.values())
    table["path"] = table["path"].map(path_bytes)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        table.to_parquet(file, index=False)
