"""Obtain the data set: download and verify a published one, or scan images of one's own.

The files, or the manifest of the scan, are put into data/raw; what was used into data/source.json.
"""

import os

from darkroom.config import Params
from darkroom.data.download.errors import DownloadError
from darkroom.data.sources import obtain, own
from darkroom.data.storage import SourceError, shown
from darkroom.files import write_json
from darkroom.machine import cores
from pipeline import CHECKPOINTS, DATA, ROOT, read_params
from pipeline.stage import stage


def main() -> None:
    """Run the stage."""
    params = read_params()
    if params.data.source:
        scan(params)
    else:
        download(params.data.name)


def download(name: str) -> None:
    """Fetch a published data set; DARKROOM_MIRROR names a source of the user's own."""
    mirror = os.environ.get("DARKROOM_MIRROR", "").strip() or None
    try:
        used = obtain(name, raw=DATA / "raw", downloads=ROOT / ".downloads", mirror=mirror)
    except DownloadError as error:
        raise SystemExit(f"download: {error}") from error
    write_json(DATA / "source.json", used)
    kind = "official" if used["official"] else "not the official file"
    print(f"{used['data']} from {used['source']} ({kind}): {used['bytes']:,} bytes, sha256 {used['sha256']}")


def scan(params: Params) -> None:
    """Scan the images of data.source."""
    settings, raw = params.data, DATA / "raw"
    try:
        scanned = own.obtain(
            settings,
            DATA / "listing.parquet",
            raw,
            similarity=params.evaluate.duplicate_similarity,
            mirror=params.augment.flip != "none",
            root=ROOT,
            work=CHECKPOINTS / "images",
            workers=cores().count,
        )
    except SourceError as error:
        raise SystemExit(f"download: {error}") from error
    write_json(DATA / "source.json", own.describe(settings, raw, root=ROOT))
    print(
        f"{shown(settings.source)}: {len(scanned.used):,} images of {len(scanned.classes)} classes, "
        f"{len(scanned.left_out):,} files left out (reports/left_out.csv)"
    )
    for note in scanned.notes:
        print(f"  {note}")


if __name__ == "__main__":
    stage(main)
