"""The data report names planted faults, and finds nothing to mend in clean data."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom.data.splits import Split
from darkroom.files import read_json
from darkroom.reporting.data_report.inputs import Data, Inspection
from darkroom.reporting.data_report.report import inspect, write

COUNT = 80  # training images of a class
NAMES = ("<b>red</b>", "green", "blue")


def data(**faults: Any) -> Data:
    """Return made images: a bright square, in another place for each class, in noise; with faults."""
    random = np.random.default_rng(0)
    splits: dict[str, Split] = {}
    manifests: dict[str, pd.DataFrame] = {}
    rows: list[Any] = []
    for split, count in (("train", COUNT), ("validation", 10), ("test", 10)):
        labels = np.repeat(np.arange(3), count)
        images = random.integers(60, 120, (len(labels), 16, 16, 3), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4:12, 5 * label : 5 * label + 5] += 100
        if "brighter" in faults:
            images[labels == faults["brighter"]] += 35
        paths = [f"{split}/{number}.jpg" for number in random.permutation(len(labels))]
        manifests[split] = pd.DataFrame({"sha256": paths, "path": paths})
        for path, label, image in zip(paths, labels, images, strict=True):
            kind = "PNG" if label == faults.get("png") else "JPEG"
            facts = {"path": path, "size": 900, "width": 40, "height": 30, "mode": "RGB", "format": kind}
            facts |= {"orientation": 1, "brightness": float(image.mean()), "contrast": 30.0}
            rows.append(
                {**facts, "sharpness": 500.0, "unit": len(rows), "phash": "", "group": "", "given": ""}
            )
        if split == "train" and "swapped" in faults:
            labels = labels.copy()
            labels[faults["swapped"]] = (labels[faults["swapped"]] + 1) % 3
        splits[split] = Split(images, labels)
    left_out = pd.DataFrame(columns=["path", "size", "label", "reason"])
    scanned = pd.DataFrame(rows)
    return Data(
        name="made",
        classes=NAMES,
        splits=splits,
        manifests=manifests,
        scanned=scanned,
        left_out=left_out,
        notes=[],
    )


def found_in(**faults: Any) -> Inspection:
    made = data(**faults)
    batches = {"the first epoch": made.splits["train"].images[:16]}
    return inspect(made, batches, similarity=0.9, mirror=False)


def test_clean_data_has_nothing_to_mend() -> None:
    found = found_in()
    assert found.findings == []
    assert found.proposals.trusted
    assert found.proposals.found.empty
    assert len(found.verdict) == 3
    assert "Nothing has to be mended" in found.verdict[1]


@pytest.mark.integration
@pytest.mark.parametrize(("fault", "key"), [("brighter", "shortcut_brightness"), ("png", "shortcut_type")])
def test_a_class_of_another_brightness_or_type_is_named(fault: str, key: str) -> None:
    found = found_in(**{fault: 2})
    (one,) = [one for one in found.findings if one.key == key]
    assert one.level == "mend"
    assert "blue" in one.text
    assert one.text in found.verdict[1]


def test_swapped_labels_are_proposed() -> None:
    swapped = [3, 50, 90, 150, 200, 230]
    found = found_in(swapped=swapped)
    proposed = set(found.proposals.found["index"])
    assert proposed <= set(swapped), "two models must be sure, so that right labels are not proposed"
    assert len(proposed) >= len(swapped) / 2


@pytest.mark.integration
def test_the_page_is_self_contained_and_escapes_names(tmp_path: Path) -> None:
    write(tmp_path, found_in(png=0))
    page = (tmp_path / "data.html").read_text(encoding="utf-8")
    assert "<b>red</b>" not in page
    assert not re.search(r"https?:|<script|url\(", page)
    assert read_json(tmp_path / "inspect.json")["findings"]["shortcut_type"] == "mend"
