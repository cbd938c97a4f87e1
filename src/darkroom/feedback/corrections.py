"""Exporting decided images as corrections: a folder of files that the next `dvc repro` trains on."""

import fcntl
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from darkroom.feedback.store import Item, read_items
from darkroom.files import atomic_write, sha256_file, write_text
from darkroom.text import SETS_FOLDER, class_folder


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """Numbers of files that an export wrote, moved, removed and left.

    `missing` holds the SHA-256 of the images that are to be exported but are gone or damaged.
    """

    new: int
    moved: int
    withdrawn: int
    unchanged: int
    missing: tuple[str, ...]


def export(folder: Path, into: Path) -> ExportResult:
    """Write the confirmed and corrected images to `into/<model>/<class>/<sha256>.<format>`.

    Images of several labels go to `into/<model>/label-sets/<sha256>.<format>`, each with its labels beside
    it, in `<sha256>.json`.

    The same decisions always give the same files, however often this runs: each image exists once, under the
    class that was decided last, and not at all where it has been rejected since. If the process is killed,
    only whole files remain and the next call does the rest. Images whose feedback was moved away stay as
    they are.

    Raises:
        ReviewError: there is no feedback in `folder`.
        OSError: `into` cannot be written.
    """
    items = read_items(folder)
    into.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    missing: list[str] = []
    with _locked(into):
        _remove(into.glob("*/*/.*.tmp"))  # of an export that was killed
        for item in items:
            if item.decision is None:
                continue
            done = _export_item(item, into)
            if "missing" in done:
                missing.append(item.sha256)
            counts.update(done)
    return ExportResult(
        new=counts["new"],
        moved=counts["moved"],
        withdrawn=counts["withdrawn"],
        unchanged=counts["unchanged"],
        missing=tuple(missing),
    )


def _export_item(item: Item, into: Path) -> dict[str, int]:
    """Bring the files of a decided image in line with its decision; return how many changed, and how."""
    if item.several:
        return _export_set(item, into / class_folder(item.model) / SETS_FOLDER)
    existing = sorted((into / class_folder(item.model)).glob(f"*/{item.sha256}.*"))
    target = _target(into, item)
    if target is None:
        _remove(existing)
        return {"withdrawn": len(existing)}
    if target in existing and sha256_file(target) == item.sha256:
        result = "unchanged"
    elif existing and sha256_file(existing[0]) == item.sha256:
        target.parent.mkdir(parents=True, exist_ok=True)
        existing.pop(0).replace(target)  # a rename: the file always exists in one of the two places
        result = "moved"
    elif _copy(item, target):
        result = "new"
    else:
        return {"missing": 1}
    _remove(path for path in existing if path != target)
    return {result: 1}


def _export_set(item: Item, folder: Path) -> dict[str, int]:
    """Do what `_export_item` does, for an image of several labels.

    Its labels are written before it, and removed after it, so that no image is ever without them.
    """
    image, labels = folder / item.file.name, folder / f"{item.sha256}.json"
    if item.decision is None or item.decision.label is None:
        withdrawn = int(image.exists())
        _remove(path for path in (image, labels) if path.exists())
        return {"withdrawn": withdrawn}
    kept = image.is_file() and sha256_file(image) == item.sha256
    before = labels.read_text(encoding="utf-8") if labels.is_file() else None
    text = item.decision.label + "\n"
    if kept and before == text:
        return {"unchanged": 1}
    if not kept and not _is_whole(item):
        return {"missing": 1}
    write_text(labels, text)
    if not kept:
        _copy(item, image)
    return {"moved" if kept else "new": 1}


def _is_whole(item: Item) -> bool:
    return item.file.is_file() and sha256_file(item.file) == item.sha256


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for and hold the lock on writing corrections in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _target(into: Path, item: Item) -> Path | None:
    """Return the path of a decided image; None for a rejected one."""
    if item.decision is None or item.decision.label is None:
        return None
    return into / class_folder(item.model) / class_folder(item.decision.label) / item.file.name


def _copy(item: Item, target: Path) -> bool:
    """Copy an image; return False where it is gone or its content has changed."""
    try:
        content = item.file.read_bytes()
    except OSError:
        return False
    if hashlib.sha256(content).hexdigest() != item.sha256:
        return False
    with atomic_write(target) as file:
        file.write(content)
    return True


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink()
