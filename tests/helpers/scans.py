"""A scan of any kind of source on this machine or another."""

from pathlib import Path

from darkroom.data.scan.scanning import Scan, scan
from darkroom.data.storage import open_storage
from tests.helpers.own_images import settings


def scan_source(source: str | Path, root: Path, **changes: object) -> Scan:
    """Scan a source, with `root` as the checkout; what is kept between scans is in `root`/work."""
    chosen = settings(source=str(source), **changes)
    storage = open_storage(str(source), root, chosen)
    files = list(storage.files())
    return scan(storage, files, chosen, similarity=0.97, mirror=False, work=root / "work", workers=2)


def reasons(found: Scan) -> dict[str, str]:
    """Return why each file was left out."""
    return dict(zip(found.left_out["path"], found.left_out["reason"], strict=True))
