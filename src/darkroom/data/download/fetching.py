"""Fetching a file: sources in turn, resumed, verified.

A file counts only when its checksum is right, so a source is trusted with nothing but its speed.
pooch and torchvision's utilities verify and unpack too, but neither resumes a broken transfer.
"""

import hashlib
import logging
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

import requests
import urllib3
from tqdm import tqdm

from darkroom.files import read_json, sha256_file, write_json

log = logging.getLogger(__name__)
CHUNK = 1 << 16  # bytes; small, so that a broken or killed transfer loses little
HEADWAY = 1 << 20  # bytes after which a source that broke off has earned its tries anew
LONGEST_WAIT_S = 60.0
RETRIES = 4
BACKOFF_S = 1.0
TIMEOUT_S = (10.0, 60.0)  # to connect; between two packets
LIMIT_BYTES = 1 << 30  # no archive here is near this: a source that sends more is broken


class DownloadError(RuntimeError):
    """The data cannot be had; the message says what was tried, what came back and what to do."""


@dataclass(frozen=True)
class Checksum:
    """A digest in lower-case hexadecimal, and how it is computed."""

    algorithm: Literal["md5", "sha256"]
    digest: str

    def of(self, path: Path) -> str:
        """Return the digest of a file's bytes by the same algorithm."""
        return _digest(path, self.algorithm)


@dataclass(frozen=True)
class Source:
    """Where an archive may be had, a URL or a local file, and the checksum it must have there."""

    location: str | Path
    checksum: Checksum

    @property
    def label(self) -> str:
        """The location for people and files: a URL without user, password and query; a whole path."""
        return str(self.location) if isinstance(self.location, Path) else _public(self.location)


@dataclass(frozen=True)
class Fetched:
    """A verified file, and the name of where it came from; of a local file its name alone."""

    path: Path
    source: str


class _TryAgainError(Exception):
    """The transfer failed in a way that may pass."""


class _UselessError(Exception):
    """The source will not do; another may."""


def parse_mirror(value: str, official: Checksum) -> Source:
    """Read `value`: an http(s) URL, a file:// URL or a path, with `#sha256=<hex>` behind it or not.

    Without a checksum of its own the mirror must have the `official` one. Raises DownloadError.
    """
    location, mark, fragment = value.strip().rpartition("#")
    checksum = official
    if not mark:
        location = fragment
    else:
        named = re.fullmatch(r"sha256=([0-9a-fA-F]{64})", fragment)
        if named is None:
            raise DownloadError(
                f"the mirror's checksum is {fragment!r}: after # write sha256= and 64 hexadecimal digits"
            )
        checksum = Checksum("sha256", named[1].lower())
    if not location:
        raise DownloadError(f"the mirror is {value!r}: expected a URL or the path of a file")
    if "://" not in location:
        return Source(Path(location).expanduser().absolute(), checksum)
    try:
        parts = urlsplit(location)
    except ValueError as error:
        raise DownloadError(f"the mirror is no URL: {error}") from error
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Source(Path(url2pathname(parts.path)), checksum)
    if parts.scheme in ("http", "https") and parts.hostname:
        return Source(location, checksum)
    raise DownloadError(
        f"the mirror is {_public(location)!r}: expected http://, https://, file:/// or a path"
    )


def fetch(
    sources: Sequence[Source],
    destination: Path,
    *,
    retries: int = RETRIES,
    backoff_s: float = BACKOFF_S,
    timeout_s: tuple[float, float] = TIMEOUT_S,
    limit_bytes: int = LIMIT_BYTES,
    advice: str = "",
) -> Fetched:
    """Return a file with the right checksum from the first of `sources` that has it.

    A URL's file goes to `destination`, by way of `<destination>.part`, which a later call resumes;
    a local file stays where it is. What already stands at `destination` is used if it is right.
    A transfer that breaks off is tried `retries` times more, after `backoff_s` seconds, then twice
    as long each time. Raises DownloadError naming every source, what it answered, and `advice`.
    """
    answers = []
    for source in sources:
        try:
            if isinstance(source.location, Path):
                return _local(source.location, source.checksum)
            kept = _kept(destination, source.checksum)
            if kept is not None:
                return kept
            part = destination.with_name(f"{destination.name}.part")
            _download(
                source.location,
                source.checksum,
                part,
                retries=retries,
                backoff_s=backoff_s,
                timeout_s=timeout_s,
                limit_bytes=limit_bytes,
            )
        except _UselessError as error:
            log.warning("%s: %s", source.label, error)
            answers.append(f"  {source.label}: {error}")
        else:
            part.replace(destination)
            write_json(_note(destination), {"source": source.label, "sha256": sha256_file(destination)})
            _note(part).unlink(missing_ok=True)
            return Fetched(destination, source.label)
    raise DownloadError("\n".join([f"no source gave {destination.name}:", *answers, advice]).rstrip())


def _local(path: Path, checksum: Checksum) -> Fetched:
    if not path.is_file():
        raise _UselessError("is a folder, not a file" if path.is_dir() else "no such file")
    try:
        wrong = _mismatch(path, checksum)
    except OSError as error:
        raise _UselessError(f"cannot be read: {error.strerror}") from error
    if wrong:
        raise _UselessError(f"holds {wrong}")
    return Fetched(path, path.name)  # only the name: a path says something of the machine alone


def _kept(destination: Path, checksum: Checksum) -> Fetched | None:
    if not destination.is_file() or _mismatch(destination, checksum):
        return None
    note = _read_note(destination)
    known = note.get("sha256") == sha256_file(destination)  # else someone put the file there
    log.info("%s is there already", destination)
    return Fetched(destination, note["source"] if known else destination.name)


def _download(
    url: str,
    checksum: Checksum,
    part: Path,
    *,
    retries: int,
    backoff_s: float,
    timeout_s: tuple[float, float],
    limit_bytes: int,
) -> None:
    """Make `part` the file at `url`, verified; raises _UselessError."""
    part.parent.mkdir(parents=True, exist_ok=True)
    started_over = False
    failures = farthest = 0
    while True:
        try:
            resumed = _transfer(url, checksum, part, timeout_s=timeout_s, limit_bytes=limit_bytes)
        except _TryAgainError as error:
            reached = part.stat().st_size if part.exists() else 0
            failures = 1 if reached >= farthest + HEADWAY else failures + 1
            farthest = max(farthest, reached)
            if failures > retries:
                raise _UselessError(f"{error} ({failures} tries)") from error
            wait_s = min(backoff_s * 2 ** (failures - 1), LONGEST_WAIT_S)
            log.warning("%s: %s; again in %.0f s (%d of %d)", _public(url), error, wait_s, failures, retries)
            time.sleep(wait_s)
            continue
        wrong = _mismatch(part, checksum)
        if wrong is None:
            return
        _discard(part)
        if not resumed or started_over:
            raise _UselessError(f"sent {wrong}")
        log.warning("%s: %s after a resumed transfer; starting over", _public(url), wrong)
        started_over = True


def _transfer(
    url: str, checksum: Checksum, part: Path, *, timeout_s: tuple[float, float], limit_bytes: int
) -> bool:
    """Get all of `url`, or what `part` lacks, in one request; return whether it was resumed."""
    # a part is continued only for the same request, and only if the server still has the same file
    request = {"url": hashlib.sha256(url.encode()).hexdigest(), "checksum": checksum.digest}
    note = _read_note(part)
    offset, validator = 0, ""
    if part.exists() and request.items() <= note.items():
        offset, validator = part.stat().st_size, note["validator"]
    headers = {"Accept-Encoding": "identity", "User-Agent": "darkroom"}
    if offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=timeout_s)
    except (requests.ConnectionError, requests.Timeout) as error:
        if isinstance(error, requests.exceptions.SSLError):
            raise _UselessError(f"no secure connection: {_reason(error)}") from error
        raise _TryAgainError(f"no connection: {_reason(error)}") from error
    except requests.RequestException as error:
        raise _UselessError(f"no answer: {_reason(error)}") from error

    with response:
        status = f"answered {response.status_code} {response.reason or ''}".rstrip()
        span = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", response.headers.get("Content-Range", ""))
        if offset and response.status_code == 416:
            if span and int(span[2]) == offset:
                return True  # nothing was lacking
            _discard(part)
            raise _TryAgainError(f"{status} to a request for the rest")
        if offset and response.status_code == 206:
            same = validator in (_validator(response) or validator, response.headers.get("Last-Modified"))
            if not span or span[1] != str(offset) or not same:
                _discard(part)
                raise _TryAgainError(f"{status} with another part than the rest")
        elif response.status_code == 200:
            offset = 0
        elif response.status_code in (408, 425, 429) or response.status_code >= 500:
            raise _TryAgainError(status)
        else:
            raise _UselessError(status)

        length = response.headers.get("Content-Length", "")
        total = offset + int(length) if length.isdecimal() else None
        if offset and span:
            total = int(span[2])
        if total is not None and total > limit_bytes:
            raise _UselessError(f"announced {total:,} bytes; at most {limit_bytes:,} are taken")
        if not offset:
            _discard(part)
            validator = _validator(response) or ""
            if validator:
                write_json(_note(part), {**request, "validator": validator})
        _receive(response, part, offset=offset, total=total, limit_bytes=limit_bytes)
    return offset > 0


def _receive(
    response: requests.Response, part: Path, *, offset: int, total: int | None, limit_bytes: int
) -> None:
    # raw, because requests would unzip what a server labels as gzip on the way
    chunks = response.raw.stream(CHUNK, decode_content=False)
    reached = offset
    with (
        part.open("ab") as file,
        tqdm(desc="downloading", total=total, initial=offset, unit="B", unit_scale=True, disable=None) as bar,
    ):
        while True:
            try:
                chunk = next(chunks, b"")
            except urllib3.exceptions.HTTPError as error:
                raise _TryAgainError(f"broke off at {reached:,} of {_count(total)} bytes") from error
            if not chunk:
                break
            reached += len(chunk)
            if reached > limit_bytes:
                raise _UselessError(f"sent over {limit_bytes:,} bytes")
            file.write(chunk)
            bar.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())
    if total is not None and reached != total:
        raise _TryAgainError(f"broke off at {reached:,} of {_count(total)} bytes")


def _validator(response: requests.Response) -> str | None:
    """Return what If-Range may name: a strong ETag, else the date."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def describe(data: str, fetched: Fetched) -> dict[str, Any]:
    """Return what data/source.json says of a fetched file."""
    return {
        "data": data,
        "source": fetched.source,
        "official": False,
        "sha256": sha256_file(fetched.path),
        "md5": _digest(fetched.path, "md5"),
        "bytes": fetched.path.stat().st_size,
    }


def _mismatch(path: Path, checksum: Checksum) -> str | None:
    found = checksum.of(path)
    if found == checksum.digest:
        return None
    size = path.stat().st_size
    return f"{size:,} bytes whose {checksum.algorithm} is {found}, not {checksum.digest}"


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        # md5 names the official file; machines in FIPS mode allow it only when said so
        digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
        return digest.hexdigest()


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _read_note(path: Path) -> dict[str, str]:
    try:
        note = read_json(_note(path))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _public(url: str) -> str:
    """Drop what may be secret: user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _reason(error: BaseException) -> str:
    """Say in a few words what went wrong below; requests' own text repeats the URL, secrets and all."""
    if isinstance(error, requests.Timeout):
        return "timed out"
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None:
        chain.append(link)
        link = link.__cause__ or link.__context__
    said = [link.strerror for link in chain if isinstance(link, OSError) and link.strerror]
    return said[-1] if said else type(error).__name__


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"
