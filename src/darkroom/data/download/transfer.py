"""One HTTP request for a file, or for what is missing of it."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from darkroom.data.download.checksums import Checksum
from darkroom.data.download.errors import MirrorError, TemporaryError
from darkroom.data.download.notes import discard, read_note, write_note

CHUNK = 1 << 16  # bytes; small, so that a transfer that breaks off or is killed loses little


@dataclass(frozen=True)
class TransferSettings:
    """How patient a download is, and how much it accepts.

    Attributes:
        retries: tries after the first one that failed, for each mirror.
        backoff_s: seconds before the first retry; they double with each further one.
        timeout_s: seconds to connect, and between two packets.
        limit_bytes: largest file that is accepted. No archive here is near the default, so that a server
            which sends more is broken.
    """

    retries: int = 4
    backoff_s: float = 1.0
    timeout_s: tuple[float, float] = (10.0, 60.0)
    limit_bytes: int = 1 << 30


@dataclass(frozen=True)
class _Start:
    """Where a transfer starts: the byte, and what identifies the file on the server (ETag or date)."""

    offset: int = 0
    validator: str = ""


def transfer(url: str, checksum: Checksum, part: Path, settings: TransferSettings) -> bool:
    """Download `url`, or what the file `part` lacks of it, in one request; return whether it was resumed.

    A part is resumed only for the same URL and checksum, and only if the server still has the same file: its
    strong ETag, else its date, is sent as If-Range. Raises TemporaryError or MirrorError.
    """
    request = {"url": hashlib.sha256(url.encode()).hexdigest(), "checksum": checksum.digest}
    start = _resume_from(part, request)
    with _get(url, start, settings) as response:
        total = _total_bytes(response)
        if start.offset and response.status_code == 416:
            if total == start.offset:
                return True  # nothing was missing
            discard(part)
            raise TemporaryError(f"{_status(response)} to a request for the rest")
        start = _accepted_start(response, start, part)
        if total is not None and total > settings.limit_bytes:
            raise MirrorError(f"announced {total:,} bytes; at most {settings.limit_bytes:,} are accepted")
        if not start.offset:
            discard(part)
            if validator := _validator(response):
                write_note(part, {**request, "validator": validator})
        _receive(response, part, offset=start.offset, total=total, limit_bytes=settings.limit_bytes)
    return start.offset > 0


def _resume_from(part: Path, request: dict[str, str]) -> _Start:
    note = read_note(part)
    if part.exists() and request.items() <= note.items():
        return _Start(part.stat().st_size, note["validator"])
    return _Start()


def _get(url: str, start: _Start, settings: TransferSettings) -> requests.Response:
    headers = {"Accept-Encoding": "identity", "User-Agent": "darkroom"}
    if start.offset:
        headers |= {"Range": f"bytes={start.offset}-", "If-Range": start.validator}
    try:
        return requests.get(url, headers=headers, stream=True, timeout=settings.timeout_s)
    except requests.exceptions.SSLError as error:
        raise MirrorError(f"no secure connection: {_reason(error)}") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise TemporaryError(f"no connection: {_reason(error)}") from error
    except requests.RequestException as error:
        raise MirrorError(f"no response: {_reason(error)}") from error
    except OSError as error:  # a plain one, for a REQUESTS_CA_BUNDLE that is not there (requests#4171)
        raise MirrorError(f"no secure connection: {error}") from error


def _accepted_start(response: requests.Response, start: _Start, part: Path) -> _Start:
    """Return where the body of the response starts: at the byte requested, or at the beginning.

    Raises TemporaryError or MirrorError for a response that is neither.
    """
    if response.status_code == 200:
        return _Start()
    if start.offset and response.status_code == 206:
        first = re.fullmatch(r"bytes (\d+)-\d+/\d+", response.headers.get("Content-Range", ""))
        same_file = start.validator in (
            _validator(response) or start.validator,
            response.headers.get("Last-Modified"),
        )
        if first and int(first[1]) == start.offset and same_file:
            return start
        discard(part)
        raise TemporaryError(f"{_status(response)} with another part than the rest")
    if response.status_code in (408, 425, 429) or response.status_code >= 500:
        raise TemporaryError(_status(response))
    raise MirrorError(_status(response))


def _total_bytes(response: requests.Response) -> int | None:
    """Return the size of the whole file as the response announces it; None if it does not."""
    if response.status_code in (206, 416):
        span = re.fullmatch(r"bytes (?:\d+-\d+|\*)/(\d+)", response.headers.get("Content-Range", ""))
        return int(span[1]) if span else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _receive(
    response: requests.Response, part: Path, *, offset: int, total: int | None, limit_bytes: int
) -> None:
    """Append the body of a response to `part`; raises TemporaryError, and MirrorError for too many bytes."""
    # raw, because requests would decompress what a server labels as gzip
    chunks = response.raw.stream(CHUNK, decode_content=False)
    reached = offset
    broke_off = "broke off at {:,} of {} bytes"
    of_total = "unknown" if total is None else f"{total:,}"
    with (
        part.open("ab") as file,
        tqdm(desc="downloading", total=total, initial=offset, unit="B", unit_scale=True, disable=None) as bar,
    ):
        while True:
            try:
                chunk = next(chunks, b"")
            except urllib3.exceptions.HTTPError as error:
                raise TemporaryError(broke_off.format(reached, of_total)) from error
            if not chunk:
                break
            reached += len(chunk)
            if reached > limit_bytes:
                raise MirrorError(f"sent over {limit_bytes:,} bytes")
            file.write(chunk)
            bar.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())
    if total is not None and reached != total:
        raise TemporaryError(broke_off.format(reached, of_total))


def _status(response: requests.Response) -> str:
    return f"answered {response.status_code} {response.reason or ''}".rstrip()


def _validator(response: requests.Response) -> str | None:
    """Return what If-Range may name: a strong ETag, else the date."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def _reason(error: BaseException) -> str:
    """Return the cause of an error in a few words; requests' own text contains the URL, secrets included."""
    if isinstance(error, requests.Timeout):
        return "timed out"
    causes: list[str] = []
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.strerror:
            causes.append(link.strerror)
        link = link.__cause__ or link.__context__
    return causes[-1] if causes else type(error).__name__
