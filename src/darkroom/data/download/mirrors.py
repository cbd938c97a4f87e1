"""Where an archive can be downloaded from, and the checksum it must have there."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

from darkroom.data.download.checksums import Checksum
from darkroom.data.download.errors import DownloadError


@dataclass(frozen=True)
class Mirror:
    """Where an archive can be had: a URL, or the path of a local file; and its checksum there."""

    location: str | Path
    checksum: Checksum

    @property
    def label(self) -> str:
        """The location as it may be shown: a whole path, or a URL without user, password and query."""
        return str(self.location) if isinstance(self.location, Path) else public_url(self.location)


def public_url(url: str) -> str:
    """Return a URL without what may be secret: user, password, query and fragment.

    >>> public_url("https://me:secret@example.org/data.tar.gz?token=secret")
    'https://example.org/data.tar.gz'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def parse_mirror(value: str, official: Checksum) -> Mirror:
    """Read `value`: an http(s) URL, a file:// URL or a path, optionally followed by `#sha256=<hex>`.

    Without a checksum of its own the mirror must have the `official` one. Raises DownloadError.

    >>> parse_mirror("https://example.org/data.tar.gz", Checksum("md5", "0" * 32)).location
    'https://example.org/data.tar.gz'
    """
    location, mark, fragment = value.strip().rpartition("#")
    checksum = official
    if not mark or _belongs_to_path(location, fragment):
        location = value.strip()
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
        return Mirror(Path(location).expanduser().absolute(), checksum)
    try:
        parts = urlsplit(location)
    except ValueError as error:
        raise DownloadError(f"the mirror is not a valid URL: {error}") from error
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Mirror(Path(url2pathname(parts.path)), checksum)
    if parts.scheme in ("http", "https") and parts.hostname:
        return Mirror(location, checksum)
    raise DownloadError(
        f"the mirror is {public_url(location)!r}: expected http://, https://, file:/// or a path"
    )


def _belongs_to_path(location: str, fragment: str) -> bool:
    """Return whether a # is part of the name of a file or folder, as in `/data/images #1/a.tar.gz`."""
    return "://" not in location and bool(fragment) and ("/" in fragment or "=" not in fragment)
