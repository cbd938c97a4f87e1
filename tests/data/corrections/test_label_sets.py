"""Corrections of images with several labels: a person said the whole set."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from darkroom.data.corrections.merging import MergedCorrections, merge_corrections
from darkroom.data.corrections.reading import CorrectionError, read_corrections
from darkroom.data.splits import Split
from tests.helpers.corrections import SHAPE, blocks, outcomes
from tests.helpers.serving import encoded

LABELS = ("car", "road", "tree")
ROWS = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0], [-1, 1, 0], [1, 1, 1], [0, 0, 1]], dtype=np.int8)


def splits() -> dict[str, Split]:
    """Return six images for each split, all different, with the labels `ROWS`."""
    return {
        name: Split(np.stack([blocks(10 * part + n) for n in range(6)]), ROWS)
        for part, name in enumerate(("train", "validation", "test"), 1)
    }


def put(folder: Path, seed: int, labels: Sequence[str]) -> str:
    """Write an image and its labels; return its SHA-256."""
    content = encoded(blocks(seed))
    sha256 = hashlib.sha256(content).hexdigest()
    place = folder / "label-sets"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{sha256}.png").write_bytes(content)
    (place / f"{sha256}.json").write_text(json.dumps(labels), encoding="utf-8")
    return sha256


def merged(folder: Path) -> MergedCorrections:
    """Merge the corrections in a folder into `splits()`."""
    found = read_corrections(folder, LABELS, several=True, **SHAPE)
    return merge_corrections(found, splits(), LABELS, similarity=0.9, mirror=True)


def test_sets_join_the_training_images_and_relabel_them(tmp_path: Path) -> None:
    new, none = put(tmp_path, 500, ["tree", "car"]), put(tmp_path, 501, [])
    relabels, known, same = put(tmp_path, 11, ["car"]), put(tmp_path, 13, ["road"]), put(tmp_path, 14, LABELS)
    held_out = put(tmp_path, 30, ["car"])
    done = merged(tmp_path)
    assert outcomes(done) == {
        new: "taken",
        none: "taken",
        relabels: "relabels",
        known: "relabels",
        same: "refused",
        held_out: "refused",
    }
    rows = done.train.labels
    assert rows.dtype == np.int8
    assert rows[1].tolist() == [1, 0, 0]
    assert rows[3].tolist() == [0, 1, 0]  # what was unknown is known now
    added = dict(zip(done.files[6:], rows[6:].tolist(), strict=True))
    assert added == {new: [1, 0, 1], none: [0, 0, 0]}
    assert ROWS[1].tolist() == [0, 1, 1]  # the split that was given is as it was
    table = done.outcomes.set_index("sha256")
    assert table.loc[new, "class"] == '["car", "tree"]'
    assert table.loc[relabels, "reason"] == 'a training image already, which was ["road", "tree"]'
    assert table.loc[same, "reason"] == "a training image already, with these labels"
    assert done.summary["taken"] == 2


def test_files_that_cannot_be_corrections_are_named(tmp_path: Path) -> None:
    put(tmp_path, 500, ["lake"])
    damaged, listless = put(tmp_path, 501, ["car"]), put(tmp_path, 502, ["car"])
    (tmp_path / "label-sets" / f"{damaged}.json").unlink()
    (tmp_path / "label-sets" / f"{listless}.json").write_text('"car"', encoding="utf-8")
    (tmp_path / "car").mkdir()
    (tmp_path / "car" / "a.png").write_bytes(b"x")
    with pytest.raises(CorrectionError) as caught:
        merged(tmp_path)
    message = str(caught.value)
    for problem in (
        "'lake' is not a label",
        f"{damaged}.json beside it, with its labels, is missing or damaged",
        f"{listless}.json is not a list of labels",
        "car/a.png: images here have several labels, which are read from label-sets/",
    ):
        assert problem in message
