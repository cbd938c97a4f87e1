"""An archive at a URL: downloaded once into .downloads, and again where the server has another one."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from darkroom.data.annotations import ColumnNames
from darkroom.data.annotations.names import is_url
from darkroom.data.download.checksums import Checksum
from darkroom.data.download.errors import DownloadError
from darkroom.data.download.fetching import fetch_url
from darkroom.data.download.mirrors import parse_mirror, public_url
from darkroom.data.download.transfer import TransferSettings
from darkroom.data.storage.base import SourceError, Storage, StoredFile
from darkroom.data.storage.remote import file_system, version_of
from darkroom.data.storage.tar_archive import SUFFIXES, Tar
from darkroom.data.storage.zip_archive import Zip

KEPT_FREE = 1 << 30  # bytes of the disk


class Downloaded:
    """The files of an archive at a URL, which may end with `#sha256=` and the checksum that it must have."""

    table = ""
    readers = 1

    def __init__(self, url: str, folder: Path) -> None:
        """Take the archive at `url`; `folder` keeps it. Nothing is asked of the server yet."""
        self.url, _, self.checksum = url.partition("#")
        self.folder, self.place = folder, public_url(url)
        self.file = PurePosixPath(unquote(urlsplit(self.url).path)).name
        self.name = self.file.partition(".")[0]

    def files(self) -> Iterator[StoredFile]:
        """List the files of the archive. Raises SourceError."""
        return self._archive.files()

    def read(self, path: str) -> bytes:
        """Return the bytes of a file of the archive. Raises OSError."""
        return self._archive.read(path)

    @cached_property
    def _archive(self) -> Storage:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self._fetched()
        except (DownloadError, OSError) as error:
            raise SourceError(f"{self.place} cannot be downloaded: {error}") from error
        if path.name.lower().endswith(".zip"):
            return Zip(path, place=self.place)
        return Tar(path, self.folder, place=self.place)

    def _fetched(self) -> Path:
        system = file_system(self.url)
        try:
            info = system.info(self.url)
        except Exception as error:  # libraries of object stores have errors of their own
            raise OSError(str(error)[:300] or type(error).__name__) from error
        key = hashlib.sha256(f"{self.url} {version_of(info)} {info.get('size')}".encode()).hexdigest()
        path = self.folder / f"{key[:16]}-{self.file}"
        if not path.is_file():
            (self._over_http if self.url.startswith("http") else self._by(system.get_file))(path)
        return path

    def _over_http(self, path: Path) -> None:
        official = Checksum("sha256", "")
        checksum = parse_mirror(f"{self.url}#{self.checksum}", official).checksum if self.checksum else None
        limit = max(0, shutil.disk_usage(self.folder).free - KEPT_FREE)
        fetch_url(self.url, path, checksum=checksum, settings=TransferSettings(limit_bytes=limit))

    def _by(self, get_file: Callable[[str, str], None]) -> Callable[[Path], None]:
        def download(path: Path) -> None:
            part = path.with_name(f"{path.name}.part")
            try:
                get_file(self.url, str(part))
            except Exception as error:  # libraries of object stores have errors of their own
                part.unlink(missing_ok=True)
                raise OSError(str(error)[:300] or type(error).__name__) from error
            part.replace(path)

        return download


def open_downloaded(source: str, root: Path, columns: ColumnNames) -> Downloaded | None:
    """Open the archive at the URL `source`; None if it is none by its name."""
    if not is_url(source) or source.startswith("file://"):
        return None
    path = urlsplit(source).path.lower()
    return Downloaded(source, root / ".downloads") if path.endswith((".zip", *SUFFIXES)) else None
