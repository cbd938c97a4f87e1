"""Lists of images: a name a line, or names that end with a zero byte (`find -print0`)."""

import codecs
import os
from collections.abc import Iterator
from pathlib import Path

from darkroom.data.annotations.names import is_url
from darkroom.data.annotations.text import decode


def names_in(data: bytes, root: Path, folder: Path) -> Iterator[str]:
    """Return the names in a list, relative to `root`, or absolute.

    A name that is not there from `root`, but from the list's own `folder`, is read from there. Bytes that are
    the name of a file are taken as they are; others in the encoding that the list seems to have.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = decode(data).encode()
    data = data.removeprefix(codecs.BOM_UTF8)
    for line in data.split(b"\0") if b"\0" in data else data.splitlines():
        name = os.fsdecode(line)
        if not name.strip():
            continue
        for candidate in dict.fromkeys((name, name.strip())):
            if there(root / candidate):
                yield candidate
                break
            if not is_url(candidate) and there(folder / candidate):
                yield str(folder / candidate)
                break
        else:
            text = name.strip()
            yield text if text.isprintable() else decode(line).strip()


def there(path: Path) -> bool:
    """Whether a file or folder exists; names that no file can have are none."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a zero byte
        return False
