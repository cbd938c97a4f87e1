"""The corrections that come of decisions, as a folder of files."""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.files import atomic_write, sha256_file
from darkroom.text import class_folder

if TYPE_CHECKING:
    pass
from darkroom.feedback.store import Item, read_items


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export did; `missing` names the images that are confirmed and cannot be read."""

    new: int
    moved: int
    withdrawn: int
    unchanged: int
    missing: tuple[str, ...]


def export(folder: Path, into: Path) -> Exported:
    """Write the confirmed and corrected images to `into/<model>/<class>/<sha256>.<format>`.

    As often as it is called, the same decisions give the same files: an image is there once, under the
    class decided last, and not at all when it was rejected since. Killed at any moment it leaves whole
    files, and the next call does the rest. Images whose feedback was moved away stay as they are.

    Raises:
        ReviewError: there is no feedback.
        OSError: `into` cannot be written.
    """
    items = read_items(folder)
    into.mkdir(parents=True, exist_ok=True)
    new, moved, withdrawn, unchanged = 0, 0, 0, 0
    missing: list[str] = []
    with _alone(into):
        for aside in into.glob("*/*/.*.tmp"):  # of an export that was killed
            aside.unlink()
        for item in items:
            if item.decision is None:
                continue
            there = sorted((into / class_folder(item.model)).glob(f"*/{item.sha256}.*"))
            target = _target(into, item)
            if target is None:
                withdrawn += len(there)
                _remove(there)
            elif target in there and sha256_file(target) == item.sha256:
                unchanged += 1
                _remove(path for path in there if path != target)
            elif there and sha256_file(there[0]) == item.sha256:
                target.parent.mkdir(parents=True, exist_ok=True)
                there[0].replace(target)  # at every moment in one of the two
                _remove(path for path in there[1:] if path != target)
                moved += 1
            elif _copy(item, target):
                _remove(path for path in there if path != target)
                new += 1
            else:
                missing.append(item.sha256)
    return Exported(new=new, moved=moved, withdrawn=withdrawn, unchanged=unchanged, missing=tuple(missing))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the right to write corrections in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _target(into: Path, item: Item) -> Path | None:
    """Return where a decided image belongs; None for a rejected one."""
    if item.decision is None or item.decision.label is None:
        return None
    return into / class_folder(item.model) / class_folder(item.decision.label) / item.file.name


def _copy(item: Item, target: Path) -> bool:
    """Copy an image whose bytes are what they were; return whether they are."""
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
