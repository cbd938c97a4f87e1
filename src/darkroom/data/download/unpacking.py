"""Unpacking an archive: all of it or nothing."""

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from darkroom.data.download.errors import DownloadError
from darkroom.files import folder_aside

IGNORED_MEMBERS = ("readme.html",)
LONGEST_TEXT = 4096  # bytes, of a member without an expected size


def unpack(archive: Path, destination: Path, *, folder: str, members: Mapping[str, int | None]) -> None:
    """Unpack each `folder/<member>` of a .tar.gz into the folder `destination`, which it replaces.

    `members` has the size in bytes that each must have, None for any short text. Raises DownloadError for a
    link, a path outside of `folder`, anything unexpected or missing, a wrong size or a damaged archive; then
    `destination` stays as it was.
    """
    missing = dict(members)
    try:
        with (
            folder_aside(destination) as aside,
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
                assert content is not None  # it is None only for what is not a regular file
                with content, (aside / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
                bar.update(member.size)
            if missing:
                raise DownloadError(f"{archive} lacks {', '.join(f'{folder}/{name}' for name in missing)}")
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DownloadError(f"{archive} is not a whole .tar.gz archive: {error}") from error


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return f"a link to {member.linkname!r}"
    return "a file" if member.isreg() else "a folder" if member.isdir() else "neither file nor folder"
