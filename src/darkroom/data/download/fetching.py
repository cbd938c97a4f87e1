"""Fetching a file: mirrors in turn, each with retries; a file counts only with the right checksum.

So a mirror is trusted with nothing but its speed.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.data.download.checksums import Checksum, file_digest
from darkroom.data.download.errors import DownloadError, MirrorError, TemporaryError
from darkroom.data.download.mirrors import Mirror, public_url
from darkroom.data.download.notes import discard, note_path, read_note, write_note
from darkroom.data.download.transfer import TransferSettings, transfer
from darkroom.files import sha256_file

log = logging.getLogger(__name__)
PROGRESS = 1 << 20  # bytes after which a mirror that broke off gets all of its retries again
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class Fetched:
    """A verified file, and the name of where it came from; of a local file only its name."""

    path: Path
    source: str


def fetch(
    mirrors: Sequence[Mirror],
    destination: Path,
    *,
    settings: TransferSettings | None = None,
    advice: str = "",
) -> Fetched:
    """Return a file with the right checksum from the first of `mirrors` that has it.

    The file of a URL goes to `destination`, by way of `<destination>.part`, which a later call resumes; a
    local file stays where it is. A file at `destination` with the right checksum is used. A transfer that
    breaks off is retried by `settings`. Raises DownloadError that names every mirror, what it sent, and
    `advice`.
    """
    settings = settings or TransferSettings()
    failures = []
    for mirror in mirrors:
        try:
            if isinstance(mirror.location, Path):
                return _local(mirror.location, mirror.checksum)
            return _kept(destination, mirror.checksum) or _downloaded(mirror, destination, settings)
        except MirrorError as error:
            log.warning("%s: %s", mirror.label, error)
            failures.append(f"  {mirror.label}: {error}")
    raise DownloadError("\n".join([f"no source gave {destination.name}:", *failures, advice]).rstrip())


def fetch_url(
    url: str, destination: Path, *, checksum: Checksum | None, settings: TransferSettings | None = None
) -> None:
    """Put the file at `url` to `destination`, by way of `<destination>.part`, which a later call resumes.

    Without a checksum the file is as whole as the server's Content-Length says. Raises DownloadError.
    """
    part = destination.with_name(f"{destination.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    settings = settings or TransferSettings()
    try:
        if checksum is None:
            _transfer_with_retries(url, Checksum("sha256", ""), part, settings)
        else:
            _download(url, checksum, part, settings)
    except MirrorError as error:
        raise DownloadError(f"{public_url(url)}: {error}") from error
    part.replace(destination)
    note_path(part).unlink(missing_ok=True)


def describe(data: str, fetched: Fetched) -> dict[str, Any]:
    """Return what data/source.json states about a fetched file."""
    return {
        "data": data,
        "source": fetched.source,
        "official": False,
        "sha256": sha256_file(fetched.path),
        "md5": file_digest(fetched.path, "md5"),
        "bytes": fetched.path.stat().st_size,
    }


def _local(path: Path, checksum: Checksum) -> Fetched:
    if not path.is_file():
        raise MirrorError("is a folder, not a file" if path.is_dir() else "no such file")
    try:
        wrong = checksum.mismatch(path)
    except OSError as error:
        raise MirrorError(f"cannot be read: {error.strerror}") from error
    if wrong:
        raise MirrorError(f"holds {wrong}")
    return Fetched(path, path.name)  # only the name: the path depends on the machine


def _kept(destination: Path, checksum: Checksum) -> Fetched | None:
    if not destination.is_file() or checksum.mismatch(destination):
        return None
    note = read_note(destination)
    known = note.get("sha256") == sha256_file(destination)  # else someone put the file there
    log.info("%s exists already", destination)
    return Fetched(destination, note["source"] if known else destination.name)


def _downloaded(mirror: Mirror, destination: Path, settings: TransferSettings) -> Fetched:
    part = destination.with_name(f"{destination.name}.part")
    _download(str(mirror.location), mirror.checksum, part, settings)
    part.replace(destination)
    write_note(destination, {"source": mirror.label, "sha256": sha256_file(destination)})
    note_path(part).unlink(missing_ok=True)
    return Fetched(destination, mirror.label)


def _download(url: str, checksum: Checksum, part: Path, settings: TransferSettings) -> None:
    """Make `part` the file at `url`, verified; raises MirrorError."""
    part.parent.mkdir(parents=True, exist_ok=True)
    resumed = _transfer_with_retries(url, checksum, part, settings)
    wrong = checksum.mismatch(part)
    if wrong and resumed:  # the server changed the file in between
        log.warning("%s: %s after a resumed transfer; starting over", public_url(url), wrong)
        discard(part)
        _transfer_with_retries(url, checksum, part, settings)
        wrong = checksum.mismatch(part)
    if wrong:
        discard(part)
        raise MirrorError(f"sent {wrong}")


def _transfer_with_retries(url: str, checksum: Checksum, part: Path, settings: TransferSettings) -> bool:
    """Transfer all of `url` to `part`; return whether the last request resumed it. Raises MirrorError."""
    failures = farthest = 0
    while True:
        try:
            return transfer(url, checksum, part, settings)
        except TemporaryError as error:
            reached = part.stat().st_size if part.exists() else 0
            failures = 1 if reached >= farthest + PROGRESS else failures + 1
            farthest = max(farthest, reached)
            if failures > settings.retries:
                raise MirrorError(f"{error} ({failures} tries)") from error
            wait_s = min(settings.backoff_s * 2 ** (failures - 1), LONGEST_WAIT_S)
            log.warning(
                "%s: %s; again in %.0f s (%d of %d)",
                public_url(url),
                error,
                wait_s,
                failures,
                settings.retries,
            )
            time.sleep(wait_s)
