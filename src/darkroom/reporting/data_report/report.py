"""The whole report: everything is looked at, and written as a page, numbers and tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.files import write_json, write_table, write_text
from darkroom.reporting.data_report import findings as told
from darkroom.reporting.data_report.copies import find_copies
from darkroom.reporting.data_report.facts import image_facts
from darkroom.reporting.data_report.inputs import Data, Inspection
from darkroom.reporting.data_report.page import data_page
from darkroom.reporting.data_report.shortcuts import shortcuts
from darkroom.reporting.data_report.strange import KINDS, strange
from darkroom.reporting.data_report.wrong_labels import wrong_labels

PAGE, NUMBERS = "data.html", "inspect.json"
STRANGE, PROPOSALS = "strange_images.csv", "label_proposals.csv"
MOST_CLASSES = 100  # whose names the numbers list at most, for each finding


def inspect(
    data: Data, batches: Mapping[str, NDArray[np.uint8]], *, similarity: float, mirror: bool
) -> Inspection:
    """Look at a data set.

    Args:
        data: the data set.
        batches: images as the network gets them, uint8 [n,H,W,C], by a title.
        similarity: from which on two images count as copies.
        mirror: whether mirrored copies count.
    """
    own = data.scanned is not None
    facts = image_facts(data.splits, data.manifests, data.scanned)
    train = facts[facts["split"] == "train"]
    images = data.splits["train"].images
    counts = told.class_counts(facts, data.classes, list(data.splits))
    copies = find_copies(facts, data.splits, similarity=similarity, mirror=mirror, own=own)
    odd = strange(facts, height=images.shape[1], width=images.shape[2])
    short = shortcuts(train, data.classes)
    units = train["unit"].to_numpy(dtype=np.int64)
    proposals = wrong_labels(images, data.splits["train"].labels, units, classes=data.classes)
    findings = [
        *told.of_shortcuts(short),
        *told.of_counts(counts),
        *told.of_copies(copies),
        *told.of_left_out(data.left_out, len(facts)),
        *told.of_labels(proposals),
        *told.of_strange(odd),
    ]
    sizes = {name: len(split) for name, split in data.splits.items()}
    return Inspection(
        name=data.name,
        classes=data.classes,
        splits=data.splits,
        own=own,
        facts=facts,
        counts=counts,
        left_out=data.left_out,
        notes=data.notes,
        copies=copies,
        strange=odd,
        shortcuts=short,
        proposals=proposals,
        batches=batches,
        findings=findings,
        verdict=told.verdict(findings, classes=len(data.classes), splits=sizes),
    )


def numbers(found: Inspection) -> dict[str, Any]:
    """Return what reports/inspect.json states; its keys are the same for every data set."""
    train = found.counts["train"]
    kinds = found.strange["kind"].value_counts()
    short = {
        key: {
            **{name: _rounded(value) for name, value in one.items() if name != "classes_told"},
            "classes_told": list(one["classes_told"][:MOST_CLASSES]),
        }
        for key, one in found.shortcuts.items()
    }
    return {
        "verdict": list(found.verdict),
        "findings": {one.key: one.level for one in found.findings},
        "images": {name: len(split) for name, split in found.splits.items()},
        "classes": len(found.classes),
        "largest_class": int(train.max()),
        "smallest_class": int(train.min()),
        "left_out": len(found.left_out),
        "copies": {
            "equal": found.copies.equal,
            "compared": found.copies.compared,
            "leaks": found.copies.leaks,
            "moved": found.copies.moved,
        },
        "strange": {kind: int(kinds.get(kind, 0)) for kind in KINDS},
        "shortcuts": short,
        "labels": {
            "looked_at": found.proposals.looked_at,
            "accuracy": _rounded(found.proposals.accuracy),
            "trusted": found.proposals.trusted,
            "proposed": len(found.proposals.found),
        },
    }


def write(folder: Path, found: Inspection) -> list[Path]:
    """Write the page, the numbers and the tables into `folder`; return their paths."""
    paths = [folder / name for name in (PAGE, NUMBERS, STRANGE, PROPOSALS)]
    write_text(paths[0], data_page(found))
    write_json(paths[1], numbers(found))
    names = np.asarray(found.classes, dtype=object)
    labels = names[found.strange["label"].to_numpy(dtype=np.int64)]
    write_table(paths[2], found.strange.assign(label=labels))
    write_table(paths[3], found.proposals.found.round(4))
    return paths


def _rounded(value: Any) -> Any:
    """Return a float with four decimals, and everything else as it is."""
    return round(value, 4) if isinstance(value, float) else value
