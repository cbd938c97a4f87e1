"""A tar archive. A plain one is read where it is; a compressed one is decompressed once, into .downloads."""

import bz2
import gzip
import hashlib
import lzma
import os
import tarfile
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from darkroom.data.annotations import ColumnNames
from darkroom.data.storage.base import SourceError, StoredFile, path_bytes
from darkroom.data.storage.limits import check_size, problem_of

OPENERS: dict[bytes, Any] = {  # by the first bytes
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x28\xb5\x2f\xfd": lambda path: pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"),
}
SUFFIXES = (".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
CHUNK = 1 << 20
BLOCK = 512  # of a tar archive


class Tar:
    """All files of a tar archive. Its bytes are found by one pass over the headers, and read at any time."""

    table = ""
    readers = 1

    def __init__(self, path: Path, cache: Path, *, place: str = "") -> None:
        """Open the archive at an absolute path; `cache` is a folder for the decompressed one."""
        self.path, self.cache, self.place = path, cache, place or str(path)
        self.name = path.name.partition(".tar")[0] if ".tar" in path.name else path.stem
        status = path.stat()
        self.version = f"{status.st_mtime_ns}-{status.st_size}"

    def files(self) -> Iterator[StoredFile]:
        """List the files by name. Raises SourceError for an archive that is not whole, or a bomb."""
        for path in sorted(self._members):
            size, offset, problem = self._members[path]
            yield StoredFile(path, size, f"{self.version}-{offset}", problem)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raises OSError."""
        size, offset, problem = self._members.get(path, (0, 0, f"the archive has no {path}"))
        if problem:
            raise FileNotFoundError(problem)
        data = os.pread(self._handle, size, offset)  # several threads may
        if len(data) != size:
            raise OSError("the archive ends in it")
        return data

    @cached_property
    def _handle(self) -> int:
        return os.open(self._plain, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if "_handle" in self.__dict__:
            os.close(self._handle)

    @cached_property
    def _members(self) -> dict[str, tuple[int, int, str]]:
        """Size, offset and problem of each file by its path."""
        found = {}
        try:
            with tarfile.open(self._plain, "r:") as tar:
                for member in tar:
                    if not member.isdir():
                        path = member.name.removeprefix("./")
                        found[path] = (member.size, member.offset_data, _problem(path, member))
                    tar.members = []  # type: ignore[attr-defined]  # it would keep all of them a second time
                _check_end(tar.fileobj, tar.offset)
        except (tarfile.TarError, EOFError) as error:
            raise SourceError(
                f"{self.place} is not a whole tar archive ({error}): download or copy it again"
            ) from error
        check_size(self.place, packed=self.path.stat().st_size, unpacked=0, files=len(found))
        return found

    @cached_property
    def _plain(self) -> Path:
        """The archive without compression, which is made if it is not there yet."""
        with self.path.open("rb") as file:
            start = file.read(8)
        opener = next((one for mark, one in OPENERS.items() if start.startswith(mark)), None)
        if opener is None:
            return self.path
        key = hashlib.sha256(path_bytes(f"{self.path}\0{self.version}")).hexdigest()
        plain = self.cache / f"{self.name}-{key[:16]}.tar"
        if not plain.is_file():
            part = plain.with_name(f"{plain.name}.{os.getpid()}.part")
            try:
                with opener(self.path) as packed, _new_file(part) as file:
                    self._decompress(packed, file)
                part.replace(plain)
            except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
                raise SourceError(
                    f"{self.place} is not a whole archive, or the disk is full: {error}"
                ) from error
            finally:
                part.unlink(missing_ok=True)
        return plain

    def _decompress(self, packed: IO[bytes], file: IO[bytes]) -> None:
        size, written = self.path.stat().st_size, 0
        while chunk := packed.read(CHUNK):
            written += len(chunk)
            check_size(self.place, packed=size, unpacked=written)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def open_tar(source: str, root: Path, columns: ColumnNames) -> Tar | None:
    """Open the tar archive `source`; None if it is none by its name."""
    path = root / Path(source).expanduser()
    if "://" in source or not source.lower().endswith(SUFFIXES) or not path.is_file():
        return None
    return Tar(path.resolve(), root / ".downloads")


def _problem(path: str, member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return "it is a link"
    if not member.isreg():
        return "it is a device"
    return "it is a sparse file" if member.issparse() else problem_of(path, member.size)


def _new_file(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")


def _check_end(file: Any, offset: int) -> None:
    """Raise EOFError where no empty block is at the end of the last file: tarfile stops in silence."""
    file.seek(offset)
    if file.read(BLOCK) != bytes(BLOCK):
        raise EOFError("its end is missing, or it is damaged")
