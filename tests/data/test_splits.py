"""Splits on disk."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darkroom.data.splits import Split, open_split, read_meta, split_sha256, write_split
from darkroom.data.splitting import manifest
from darkroom.files import write_array, write_json
from tests.helpers.training import random_split


def test_a_split_and_its_manifest_are_read_as_written(tmp_path: Path) -> None:
    split = random_split(6, 0)
    table = manifest(split, np.arange(6) * 10, ["cat", "dog"])
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "stale").touch()
    write_split(folder, split, table)
    assert sorted(path.name for path in folder.iterdir()) == ["images.npy", "labels.npy", "manifest.parquet"]
    opened = open_split(folder)
    assert isinstance(opened.images, np.memmap)
    assert not opened.images.flags.writeable
    np.testing.assert_array_equal(opened.images, split.images)
    np.testing.assert_array_equal(opened.labels, split.labels)
    for name in ("images.npy", "labels.npy"):
        np.load(folder / name, allow_pickle=False)
    read = pd.read_parquet(folder / "manifest.parquet")
    pd.testing.assert_frame_equal(read, table, check_categorical=False)
    assert list(read["index"]) == [0, 1, 2, 3, 4, 5]
    assert list(read["source_index"]) == [0, 10, 20, 30, 40, 50]
    assert list(read["class"]) == ["cat", "dog"] * 3
    assert read["sha256"][2] == hashlib.sha256(split.images[2].tobytes()).hexdigest()


def test_the_hash_of_a_split_depends_on_images_and_labels(tmp_path: Path) -> None:
    split = random_split(6, 0)
    other = Split(split.images, 1 - split.labels)
    for name, part in {"a": split, "b": split, "c": other}.items():
        write_split(tmp_path / name, part, manifest(part, np.arange(6), ["cat", "dog"]))
    a, b, c = (split_sha256(tmp_path / name) for name in "abc")
    assert a == b != c


def test_a_split_that_is_missing_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run `dvc repro preprocess` first"):
        open_split(tmp_path / "train")
    split = random_split(6, 0)
    write_split(tmp_path / "train", split, manifest(split, np.arange(6), ["cat", "dog"]))
    for images in (split.images.astype(np.float32), split.images[:5], split.images[..., 0]):
        write_array(tmp_path / "train" / "images.npy", images)
        with pytest.raises(ValueError, match=r"expected uint8 \[N,H,W,C\]"):
            open_split(tmp_path / "train")


def test_first_returns_the_first_images_and_all_for_0() -> None:
    split = random_split(6, 0)
    assert len(split.first(0)) == 6
    np.testing.assert_array_equal(split.first(2).images, split.images[:2])
    np.testing.assert_array_equal(split.first(2).labels, split.labels[:2])


def test_meta_is_read_as_written(tmp_path: Path) -> None:
    tree = {
        "name": "digits",
        "classes": ["a", "b"],
        "height": 8,
        "width": 9,
        "channels": 1,
        "mean": [0.5],
        "std": [0.25],
        "test_sha256": "f" * 64,
        "train": 3,
    }
    write_json(tmp_path / "meta.json", tree)
    meta = read_meta(tmp_path / "meta.json")
    assert (meta.name, meta.classes, meta.height, meta.width, meta.channels) == (
        "digits",
        ("a", "b"),
        8,
        9,
        1,
    )
    assert (meta.mean, meta.std, meta.test_sha256) == ((0.5,), (0.25,), "f" * 64)
    assert meta.tree == tree
