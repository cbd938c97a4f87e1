"""Errors of the disk, told to people: no space, a quota, no permission, a read-only file system."""

import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

NEARLY_NONE = 1 << 20  # bytes: with less, whatever failed is likely to have failed for that
PLENTY = 1 << 26  # bytes: a disk with so many is not the one that is full
# how libraries that do not raise OSError say it: sqlite, safetensors, BentoML's output, git's
FULL = re.compile(r"no space left on (the )?d|database or disk is full|os error 28\b", re.IGNORECASE)
# of SQLite, where a file beside the database does not fit; or the disk is broken
IO_FAILED = re.compile("disk I/O error", re.IGNORECASE)
QUOTA = re.compile(r"disk quota exceeded|os error 122\b", re.IGNORECASE)
TOO_LARGE = re.compile(r"file too large|os error 27\b", re.IGNORECASE)
READ_ONLY = re.compile(r"read-only file system|os error 30\b", re.IGNORECASE)
REFUSED = re.compile("attempt to write a readonly database|unable to open database file", re.IGNORECASE)
DENIED = re.compile("permission denied", re.IGNORECASE)  # of a file; without one it may be a port's
NO_TEMPORARY = re.compile("No usable temporary directory")
NAMED = re.compile(
    r"(?:left on device|quota exceeded|too large|denied|file system): '([^']+)'", re.IGNORECASE
)
ASIDE = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.tmp")  # as darkroom.files writes it, before it is renamed


@contextmanager
def disk_errors_told(places: Sequence[Path], *, again: str) -> Iterator[None]:
    """End the program with a message where the block ends with an error of the disk.

    Args:
        places: files and folders that the block writes to.
        again: what to do once it is repaired, such as "run `dvc repro` again".
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        message = explain(error, places, again=again)
        if message is None:
            raise
        raise SystemExit(message) from error


def explain(error: BaseException, places: Sequence[Path], *, again: str) -> str | None:
    """Return what to tell people about an error of the disk; None for another error.

    Args:
        error: with those that caused it.
        places: where the file may lie that the error does not name.
        again: what to do once it is repaired.

    >>> full = OSError(errno.ENOSPC, "No space left on device", "/srv/darkroom/models/model.safetensors")
    >>> explain(full, [], again="run it again").partition(":")[0]
    'no space left on the disk of /srv/darkroom/models/model.safetensors'
    >>> explain(ValueError("no such class"), [], again="run it again")
    """
    for cause in _causes(error):
        text, code = str(cause), getattr(cause, "errno", None)
        if NO_TEMPORARY.search(text):
            return f"no folder for temporary files can be written: set TMPDIR to one with space, then {again}"
        path = _named(cause)
        if code == errno.ENOSPC or FULL.search(text):
            return _full(_full_place(path, places), again)
        if IO_FAILED.search(text) and free_bytes(_fullest(places)) < NEARLY_NONE:
            return _full(_fullest(places), again)
        if code == errno.EDQUOT or QUOTA.search(text):
            return f"your disk quota is used up ({path or _fullest(places)}): delete something, then {again}"
        if code == errno.EFBIG or TOO_LARGE.search(text):
            return (
                f"{path or 'a file'} would be larger than this process may write: raise its limit "
                f"(`ulimit -f unlimited`) or that of the file system, then {again}"
            )
        if code == errno.EROFS or READ_ONLY.search(text):
            place = path or _unwritable(places)
            return f"the file system of {place} is read-only: mount it writable, then {again}"
        denied = code in (errno.EACCES, errno.EPERM) or DENIED.search(text)
        if (denied and path is not None) or REFUSED.search(text):
            return _refused(path or _unwritable(places), again)
    return _suspected(error, places, again)


def free_bytes(path: Path) -> int:
    """Return how many bytes are free on the disk of `path`, which need not exist."""
    return shutil.disk_usage(_existing(path)).free


def _full_place(named: Path | None, places: Sequence[Path]) -> Path:
    """Return the file that an error names; if its disk has space, it was copied to one that has less."""
    if named is None:
        return _fullest(places)
    device = _existing(named).stat().st_dev
    fuller = [
        place
        for place in places
        if _existing(place).stat().st_dev != device and free_bytes(place) < PLENTY <= free_bytes(named)
    ]
    return _fullest(fuller) if fuller else named


def _full(path: Path, again: str) -> str:
    place = _existing(path)
    if free_bytes(place) >= NEARLY_NONE and os.statvfs(place).f_favail == 0:
        what = "it has no room for more files (inodes)"
    else:
        what = f"{free_bytes(place) / 1e6:.1f} MB are free"
    return f"no space left on the disk of {path}: {what}. Free some, then {again}; what is finished is kept"


def _refused(path: Path, again: str) -> str:
    place = _existing(path)
    if place.is_file() and not os.access(place.parent, os.W_OK):
        place = place.parent  # files are written aside, so that it is the folder that has to be writable
    owner, user = place.stat().st_uid, os.getuid()
    cure = f"`chmod -R u+w {place}`"
    if owner != user:
        cure = f"it belongs to user {owner} and this is user {user} (was something run with sudo?): "
        cure += f"`sudo chown -R {user} {place}`"
    return f"{path} cannot be opened or written: permission denied; {cure}, then {again}"


def _suspected(error: BaseException, places: Sequence[Path], again: str) -> str | None:
    """Return a message where the error says nothing of the disk, but a disk is full."""
    if isinstance(error, SystemExit | KeyboardInterrupt) or not places:
        return None
    fullest = _fullest(places)
    if free_bytes(fullest) >= NEARLY_NONE:
        return None
    return f"{_full(fullest, again)} ({type(error).__name__}: {str(error).strip().partition(chr(10))[0]})"


def _causes(error: BaseException) -> Iterable[BaseException]:
    """Yield an error and those before it: on a full disk a clean-up fails too, and hides why it began."""
    todo, seen = [error], set()
    while todo:
        cause = todo.pop(0)
        if id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            todo += [before for before in (cause.__cause__, cause.__context__) if before is not None]


def _named(error: BaseException) -> Path | None:
    """Return the file that an error names; of a copy the new one, of one written aside its later name."""
    name = (error.filename2 or error.filename) if isinstance(error, OSError) else None
    if not isinstance(name, str | os.PathLike):
        found = NAMED.search(str(error))
        if found is None:
            return None
        name = found[1]
    path = Path(name).absolute()
    aside = ASIDE.fullmatch(path.name)
    return path.with_name(aside[1]) if aside else path


def _fullest(places: Sequence[Path]) -> Path:
    return min(places or [Path.cwd()], key=free_bytes)


def _unwritable(places: Sequence[Path]) -> Path:
    found = (place for place in places if place.exists() and not os.access(place, os.W_OK))
    return next(found, places[0] if places else Path.cwd())


def _existing(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that exists."""
    return next((place for place in (path, *path.absolute().parents) if place.exists()), Path("/"))
