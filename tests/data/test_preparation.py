"""The preparation of a data set; tests/data/test_corrections.py has the corrections."""

from pathlib import Path

import numpy as np
import pandas as pd

from darkroom.data import preparation
from darkroom.data.splits import open_split, read_meta
from darkroom.files import write_json
from tests.helpers.training import digits


def prepare(corrections: Path) -> preparation.Prepared:
    return preparation.prepare(
        digits(),
        corrections,
        name="digits",
        validation_fraction=0.2,
        seed=0,
        similarity=0.99,
        mirror=False,
    )


def test_a_prepared_data_set_is_written_and_described(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "missing")
    hashes = preparation.write_splits(prepared, tmp_path)
    write_json(tmp_path / "meta.json", preparation.meta(prepared, hashes))
    meta = read_meta(tmp_path / "meta.json")
    assert (meta.name, meta.height, meta.width, meta.channels) == ("digits", 8, 8, 1)
    assert meta.test_sha256 == hashes["test"]
    assert "corrections" not in meta.tree
    report = preparation.report(prepared, hashes, {"source": "a file"})
    assert report["source"] == {"source": "a file"}
    assert report["sha256"] == hashes
    assert "corrections" not in report
    for part in ("train", "validation", "test"):
        split = open_split(tmp_path / part)
        assert len(split) == meta.tree[part] == report["splits"][part]["images"]


def test_the_manifests_lead_back_to_the_published_images(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "missing")
    raw = digits()
    for part, published in (("train", raw.train), ("validation", raw.train), ("test", raw.test)):
        places = prepared.manifests[part]["source_index"]
        np.testing.assert_array_equal(published.images[places], prepared.splits[part].images)
    training = pd.concat([prepared.manifests[part]["source_index"] for part in ("train", "validation")])
    assert sorted(training) == list(range(len(raw.train)))
