"""A folder in an object store or on a server: any URL that fsspec reads."""

import shlex
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import fsspec
from fsspec.asyn import AsyncFileSystem
from fsspec.registry import known_implementations
from fsspec.spec import AbstractFileSystem

from darkroom.data.annotations import ColumnNames
from darkroom.data.annotations.names import is_url
from darkroom.data.download.mirrors import public_url
from darkroom.data.storage.base import LARGEST, MANY_READERS, SourceError, StoredFile
from darkroom.data.storage.object_store import SCHEMES, open_object_store
from darkroom.data.storage.reading import Reader, fetch_http

# What tells that a file changed, the best first: each kind of place has another name for it.
VERSIONS = (
    *("ETag", "etag", "md5Hash", "md5", "Content-MD5", "content_md5", "checksum", "crc32c", "generation"),
    *("LastModified", "last_modified", "updated", "mtime", "modified", "created"),
)
PACKAGES = {"az": "adlfs", "abfs": "adlfs", "abfss": "adlfs", "adl": "adlfs", "hf": "huggingface_hub"}
PACKAGES |= {"sftp": "paramiko", "ssh": "paramiko"}


class Remote:
    """All files below a URL. The listing is asked anew each time; a file is fetched when it is read."""

    table = ""
    readers = MANY_READERS

    def __init__(self, url: str) -> None:
        """Open a URL. Raises SourceError where a package is missing, or where it cannot be."""
        self.files_of = file_system(url)
        self.web = url.startswith(("http://", "https://"))
        self.root = url.rstrip("/") if self.web else str(self.files_of._strip_protocol(url)).rstrip("/")
        self.place = public_url(url).rstrip("/")
        self.name = self.place.rpartition("/")[2]
        self.reader = Reader()

    def files(self) -> Iterator[StoredFile]:
        """List the files by name. Raises SourceError where the listing is not whole."""
        try:
            listed = self._listed()
        except FileNotFoundError as error:
            raise SourceError(f"{self.place}: there is no such place") from error
        except Exception as error:  # libraries of object stores have errors of their own
            why = str(error)[:300] or type(error).__name__
            public = "denied" in why.lower() or "credentials" in why.lower()
            hint = ". If it is public, set FSSPEC_S3_ANON=true (FSSPEC_GS_ANON)" if public else ""
            raise SourceError(f"{self.place} cannot be listed: {why}{hint}") from error
        if not listed:
            raise SourceError(f"{self.place}: there is no such place, or it has no files")
        for path in sorted(listed):
            info = listed[path]
            size = int(info.get("size") or 0)
            problem = f"it is larger than {LARGEST >> 20} MiB" if size > LARGEST else info.get("problem", "")
            yield StoredFile(path, size, version_of(info), problem)

    def read(self, path: str) -> bytes:
        """Return the bytes of the file at `path`. Raises OSError, and SourceError where the place is gone."""
        if self.web:
            url = f"{self.root}/{quote(path)}"
            return self.reader.read(url, lambda: fetch_http(url))
        return self.reader.read(self.place, lambda: bytes(self.files_of.cat_file(f"{self.root}/{path}")))

    def _listed(self) -> dict[str, Mapping[str, Any]]:
        """Return what is known of each file by its path below the root."""
        self.files_of.invalidate_cache()
        kind = type(self.files_of)
        if (not self.web and kind.find is not AbstractFileSystem.find) or _finds_by_itself(kind):
            found = self.files_of.find(self.root, detail=True)
        else:  # find leaves out in silence what it cannot list
            found = dict(self._walked(self.root, set()))
        if self.web:
            found = self._asked(found)
        below = f"{self.root}/"
        return {
            (unquote(name.removeprefix(below)) if self.web else name.removeprefix(below)): info
            for name, info in found.items()
            if name.startswith(below) and not name.endswith("/")
        }

    def _walked(self, folder: str, seen: set[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        seen.add(folder.rstrip("/"))
        for info in self.files_of.ls(folder + "/" if self.web else folder, detail=True):
            name = str(info["name"])
            if "?" in name or "#" in name:  # links that sort a server's index
                continue
            if info["type"] != "directory":
                yield name, info
            elif name.rstrip("/") not in seen and name.startswith(f"{self.root}/"):
                yield from self._walked(name.rstrip("/"), seen)

    def _asked(self, names: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """Return size and version of files on a web server, whose index has none."""
        with ThreadPoolExecutor(MANY_READERS) as pool:
            return dict(zip(names, pool.map(self._info, names), strict=True))

    def _info(self, name: str) -> Mapping[str, Any]:
        try:
            return dict(self.files_of.info(name))
        except FileNotFoundError:
            return {"problem": "the index names it, but the server does not have it"}


def open_remote(source: str, root: Path, columns: ColumnNames) -> Remote | None:
    """Open a URL; None if `source` is none."""
    return Remote(source) if is_url(source) and not source.startswith("file://") else None


def file_system(url: str) -> AbstractFileSystem:
    """Return what reads a URL. Raises SourceError that names the package which is missing."""
    scheme = url.partition("://")[0]
    options: dict[str, Any] = {"use_listings_cache": False}
    if scheme in ("http", "https"):
        options["client_kwargs"] = {"trust_env": True}  # proxies
    try:
        return fsspec.core.url_to_fs(url, **options)[0]
    except ImportError as error:
        if scheme in SCHEMES:
            try:
                return open_object_store(url)
            except OSError as problem:
                raise SourceError(f"{public_url(url)} cannot be reached: {problem}") from problem
        package = PACKAGES.get(scheme, "")
        what = f": {shlex.quote(sys.executable)} -m pip install {package}" if package else f" ({error})"
        raise SourceError(f"{scheme}:// needs a package that is not installed{what}") from error
    except ValueError as error:
        known = ", ".join(sorted({*PACKAGES, *SCHEMES, "http", "https", "ftp"} & {*known_implementations}))
        raise SourceError(f"{public_url(url)}: {error}; known are {known}") from error


def version_of(info: Mapping[str, Any]) -> str:
    """Return what tells of a file's content, or of the time when it changed.

    >>> version_of({"name": "a", "ETag": '"5d41"', "mtime": 3.0}), version_of({"mtime": 3.0}), version_of({})
    ('5d41', '3.0', '')
    """
    return next((str(info[key]).strip('"') for key in VERSIONS if info.get(key)), "")


def _finds_by_itself(kind: type[AbstractFileSystem]) -> bool:
    """Whether a kind of object store lists all below a prefix in one go, and fails as a whole."""
    return issubclass(kind, AsyncFileSystem) and kind._find is not AsyncFileSystem._find
