"""A zip archive, read where it is: nothing is unpacked to the disk."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from darkroom.data.annotations import ColumnNames
from darkroom.data.storage.base import SourceError, StoredFile
from darkroom.data.storage.limits import check_size, problem_of

UTF8, ENCRYPTED = 0x800, 0x1  # flags of a member
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class Zip:
    """All files of a zip archive; their checksums are their versions."""

    table = ""
    readers = 1

    def __init__(self, path: Path, *, place: str = "") -> None:
        """Open the archive at an absolute path; `place` is where it comes from, if from elsewhere."""
        self.path, self.name, self.place = path, path.stem, place or str(path)

    def files(self) -> Iterator[StoredFile]:
        """List the files by name. Raises SourceError for an archive that is not whole, or a bomb."""
        for path in sorted(self._members):
            info = self._members[path]
            problem = problem_of(path, info.file_size)
            if stat.S_ISLNK(info.external_attr >> 16):
                problem = "it is a link"
            elif info.flag_bits & ENCRYPTED:
                problem = "it is encrypted: unpack the archive with its password"
            elif info.compress_type not in METHODS:
                problem = f"it is compressed by method {info.compress_type}: unpack the archive"
            yield StoredFile(path, info.file_size, f"{info.CRC:08x}", problem)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file, whose checksum is right. Raises OSError."""
        info = self._members.get(path)
        if info is None:
            raise FileNotFoundError(f"the archive has no {path}")
        try:
            return self._zip.read(info)  # never more than its size says
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise OSError(f"the archive is damaged there: {error}") from error

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
            raise SourceError(
                f"{self.place} is not a whole zip archive ({error}): download or copy it again"
            ) from error

    @cached_property
    def _members(self) -> dict[str, zipfile.ZipInfo]:
        members = [info for info in self._zip.infolist() if not info.is_dir()]
        check_size(
            self.place,
            packed=self.path.stat().st_size,  # not what the members claim: those of a bomb overlap
            unpacked=sum(info.file_size for info in members),
            files=len(members),
        )
        return {_name(info): info for info in members}


def open_zip(source: str, root: Path, columns: ColumnNames) -> Zip | None:
    """Open the zip archive `source`; None if it is none by its name."""
    path = root / Path(source).expanduser()
    if "://" in source or not source.lower().endswith(".zip") or not path.is_file():
        return None
    return Zip(path.resolve())


def _name(info: zipfile.ZipInfo) -> str:
    """Return a member's path: macOS writes UTF-8 without saying so, Windows' own tools wrote backslashes."""
    name = info.filename
    if not info.flag_bits & UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/").removeprefix("./")
