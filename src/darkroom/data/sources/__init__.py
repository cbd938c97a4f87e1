"""Data sources: one file a source, found in `SOURCES` by its name in params.yaml (data.name).

A source is a module with two functions: `obtain` puts its raw files into a folder, `read` reads them.
"""

import logging
from pathlib import Path
from typing import Any, Protocol

from darkroom.data.sources import cifar10, digits
from darkroom.data.sources.raw import Raw
from darkroom.data.splitting import check_split

log = logging.getLogger(__name__)


class Source(Protocol):
    """The functions of a source's module."""

    def obtain(self, *, raw: Path, downloads: Path, mirror: str | None = None) -> dict[str, Any]:
        """Put the raw files into the folder `raw`; return what data/source.json states about them.

        `downloads` keeps archives between calls, `mirror` is as in `download.mirrors.parse_mirror`. Raises
        DownloadError.
        """
        ...

    def read(self, folder: Path) -> Raw:
        """Read the raw files in `folder`. Raises ValueError for files that are not those of the source."""
        ...


SOURCES: dict[str, Source] = {"cifar10": cifar10, "digits": digits}


def obtain(name: str, *, raw: Path, downloads: Path, mirror: str | None = None) -> dict[str, Any]:
    """Put the raw files of the source `name` into `raw`; return what was used.

    The keys are data, source, official, sha256, md5 and bytes. Raises DownloadError, and ValueError for a
    name that is not in `SOURCES`.
    """
    used = _source(name).obtain(raw=raw, downloads=downloads, mirror=mirror)
    log.info("used %s", ", ".join(f"{key} {value}" for key, value in used.items()))
    return used


def read_raw(name: str, folder: Path) -> Raw:
    """Read the data set `name` from its raw files.

    Raises ValueError for impossible data: wrong sizes, labels out of range, a class without images.
    """
    raw = _source(name).read(folder)
    check_split("training part", raw.train, raw.classes)
    check_split("test part", raw.test, raw.classes)
    return raw


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise ValueError(f"data set {name!r} is unknown: {', '.join(SOURCES)}")
    return SOURCES[name]
