"""People's own images: the scan of data.source, and the splits that come out of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom.config.data import Data
from darkroom.data.label_sets import label_array
from darkroom.data.scan.examination import examine_all
from darkroom.data.scan.label_sets import sets_of
from darkroom.data.scan.listing import read_listing
from darkroom.data.scan.pixels import PixelStore
from darkroom.data.scan.scanning import USED, Scan, scan
from darkroom.data.sources.raw import Raw
from darkroom.data.splits import Split
from darkroom.data.storage import SourceError, StoredFile, open_storage
from darkroom.data.storage.base import path_bytes, path_text, printable
from darkroom.files import atomic_write, read_json, sha256_file, write_json

MANIFEST, ABOUT = "manifest.parquet", "scan.json"


def obtain(
    settings: Data,
    listing: Path,
    raw: Path,
    *,
    similarity: float,
    mirror: bool,
    root: Path,
    work: Path,
    workers: int,
) -> Scan:
    """Scan the source and write the manifest into the folder `raw`; return the scan.

    Args:
        settings: the section `data`.
        listing: what `write_listing` wrote.
        raw: folder for the manifest.
        similarity: from which on two images count as copies, which must be in one split.
        mirror: whether mirrored copies count.
        root: a relative source is relative to this folder.
        work: folder that keeps pixels and facts for the next scan.
        workers: threads that read and decode.

    Raises SourceError.
    """
    storage = open_storage(settings.source, root, settings)
    scanned = scan(
        storage,
        list(read_listing(listing)),
        settings,
        similarity=similarity,
        mirror=mirror,
        work=work,
        workers=workers,
    )
    raw.mkdir(parents=True, exist_ok=True)
    table = scanned.manifest.drop(columns="version")  # of the machine's clock, not of the data
    table["path"] = table["path"].map(printable)
    table["key"] = scanned.manifest["path"].map(path_bytes)
    with atomic_write(raw / MANIFEST) as file:
        table.to_parquet(file, index=False)
    write_json(
        raw / ABOUT, {"classes": list(scanned.classes), "shape": list(scanned.shape), **scanned.summary()}
    )
    return scanned


def describe(settings: Data, raw: Path, *, root: Path) -> dict[str, Any]:
    """Return what data/source.json states about a source that was scanned into `raw`."""
    path = raw / MANIFEST
    table = pd.read_parquet(path, columns=["state", "size"])
    return {
        "data": settings.name,
        "source": open_storage(settings.source, root, settings).place,
        "sha256": sha256_file(path),
        "md5": "",
        "bytes": int(table["size"][table["state"] == USED].sum()),
    }


def read(settings: Data, raw: Path, *, root: Path, work: Path, workers: int) -> Raw:
    """Read the images of the manifest in `raw`; what is not in the store of pixels is decoded again.

    Raises SourceError where a file has changed or vanished since the scan.
    """
    about = read_json(raw / ABOUT)
    table = pd.read_parquet(raw / MANIFEST)
    table = table[table["state"] == USED].reset_index(drop=True)
    classes = {name: number for number, name in enumerate(about["classes"])}
    with PixelStore(work / "pixels", about["shape"], fit=settings.fit) as store:
        missing = table[~table["sha256"].isin(store.places)].drop_duplicates("sha256")
        if len(missing):
            _decode_again(settings, missing, store, root=root, work=work, workers=workers)
        splits, rows = {}, {}
        for name in ("train", "validation", "test"):
            chosen = table[table["split"] == name].reset_index(drop=True)
            images = store.rows(chosen["sha256"]).copied_to(work / "splits" / f"{name}.npy")
            if settings.labels == "several":
                splits[name] = Split(images, label_array(sets_of(chosen), about["classes"]))
            else:
                splits[name] = Split(images, chosen["label"].map(classes).to_numpy(dtype=np.int64))
            rows[name] = pd.DataFrame(
                {
                    "path": chosen["path"],
                    "file_sha256": chosen["sha256"],
                    "group": chosen["group"],
                    "unit": chosen["unit"].astype(str),  # a name, for a correction has none
                }
            )
    return Raw(splits["train"], splits["test"], tuple(about["classes"]), splits["validation"], rows)


def left_out(raw: Path) -> pd.DataFrame:
    """Return path, size, label and reason of each file that a scan left out."""
    columns = ["path", "size", "label", "reason"]
    if not (raw / MANIFEST).is_file():
        return pd.DataFrame(columns=columns)
    table = pd.read_parquet(raw / MANIFEST)
    return table.loc[table["state"] != USED, columns].reset_index(drop=True)


def _decode_again(
    settings: Data, missing: pd.DataFrame, store: PixelStore, *, root: Path, work: Path, workers: int
) -> None:
    storage = open_storage(settings.source, root, settings)
    files = [
        StoredFile(path_text(key), size, "")
        for key, size in zip(missing["key"], missing["size"], strict=True)
    ]
    facts = examine_all(storage, files, store, work / "again.parquet", workers=workers)
    changed = facts["path"][(facts["sha256"].to_numpy() != missing["sha256"].to_numpy())]
    if len(changed):
        raise SourceError(
            f"{len(changed):,} images have changed or vanished since they were scanned, the first is "
            f"{printable(changed.iloc[0])}: run dvc repro again"
        )
