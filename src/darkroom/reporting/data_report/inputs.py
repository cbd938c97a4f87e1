"""What the report is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.splits import Meta, Split, open_split
from darkroom.files import read_json
from darkroom.reporting.data_report.copies import Copies
from darkroom.reporting.data_report.findings import Finding
from darkroom.reporting.data_report.wrong_labels import Proposals

# no model is fitted to the test images, and no stage reads the report
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Data:
    """A data set as the stage `preprocess` wrote it.

    Attributes:
        name: of the data set.
        classes: names, by label.
        splits: by name; train is among them.
        manifests: of each split, a row an image.
        scanned: the scan's manifest of images of one's own; None for a published data set.
        left_out: path, size, label and reason of each file that was left out.
        notes: what the scan decided, in whole sentences.
    """

    name: str
    classes: Sequence[str]
    splits: Mapping[str, Split]
    manifests: Mapping[str, pd.DataFrame]
    scanned: pd.DataFrame | None
    left_out: pd.DataFrame
    notes: Sequence[str]


def read_data(folder: Path, left_out: Path, meta: Meta) -> Data:
    """Read the data's folder, and the table `left_out`, as the stage `preprocess` wrote them."""
    own = (folder / "raw/scan.json").is_file()
    return Data(
        name=meta.name,
        classes=meta.classes,
        splits={name: open_split(folder / name) for name in SPLITS},
        manifests={name: pd.read_parquet(folder / name / "manifest.parquet") for name in SPLITS},
        scanned=_used(folder / "raw/manifest.parquet") if own else None,
        left_out=pd.read_csv(left_out, keep_default_na=False),
        notes=read_json(folder / "raw/scan.json")["notes"] if own else [],
    )


def _used(manifest: Path) -> pd.DataFrame:
    table = pd.read_parquet(manifest)
    return table[table["state"] == "used"]


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was found in a data set, as the page shows it.

    Attributes:
        name: of the data set.
        classes: names, by label.
        splits: by name.
        own: whether the images are one's own.
        facts: rows of `image_facts`.
        counts: images, a row a class and a column a split.
        left_out: as in `Data`.
        notes: as in `Data`.
        copies: equal and nearly equal images.
        strange: rows of `strange`.
        shortcuts: as `shortcuts` returns them.
        proposals: labels that look wrong.
        batches: titles, and images as the network gets them, uint8 [n,H,W,C].
        findings: what is told.
        verdict: three sentences.
    """

    name: str
    classes: Sequence[str]
    splits: Mapping[str, Split]
    own: bool
    facts: pd.DataFrame
    counts: pd.DataFrame
    left_out: pd.DataFrame
    notes: Sequence[str]
    copies: Copies
    strange: pd.DataFrame
    shortcuts: Mapping[str, Mapping[str, Any]]
    proposals: Proposals
    batches: Mapping[str, NDArray[np.uint8]]
    findings: Sequence[Finding]
    verdict: Sequence[str]
