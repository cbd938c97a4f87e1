"""Raw files to splits, on synthetic images in CIFAR-10's real layout and on the digits."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from darkroom.data.report import channel_statistics, data_report
from darkroom.data.sources import cifar10 as source
from darkroom.data.sources import read_raw
from darkroom.data.sources.cifar10 import read as read_cifar10
from darkroom.data.sources.digits import read as read_digits
from darkroom.data.splits import Split, open_split, read_meta, split_sha256, write_split
from darkroom.data.splitting import check_split, manifest, split_indices
from darkroom.files import write_array, write_json
from tests.helpers.training import digits

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
RECORDS = 20
FILES = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]


def random_image(file: int, record: int) -> NDArray[np.uint8]:
    """Return the image of one record, uint8 [32,32,3], different for each."""
    return np.random.default_rng([file, record]).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a small set of files as the archive has them: label, then red, green and blue row by row."""
    monkeypatch.setattr(source, "BATCH_BYTES", RECORDS * source.RECORD)
    for file, name in enumerate(FILES):
        content = bytearray()
        for record in range(RECORDS):
            image = random_image(file, record)
            content.append(record % 10)
            for channel in range(3):
                content += image[:, :, channel].tobytes()
        (tmp_path / name).write_bytes(content)
    (tmp_path / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n\n")
    return tmp_path


def test_cifar_pixels_and_labels_come_out_right(cifar: Path) -> None:
    raw = read_raw("cifar10", cifar)
    assert raw.classes == tuple(CLASSES)
    assert raw.train.images.shape == (5 * RECORDS, 32, 32, 3)
    assert raw.train.images.dtype == np.uint8
    assert raw.train.labels.dtype == np.int64
    np.testing.assert_array_equal(raw.train.labels, np.arange(5 * RECORDS) % 10)
    for file in range(5):
        for record in range(RECORDS):
            np.testing.assert_array_equal(
                raw.train.images[file * RECORDS + record], random_image(file, record)
            )
    np.testing.assert_array_equal(raw.test.images[3], random_image(5, 3))
    np.testing.assert_array_equal(raw.test.labels, np.arange(RECORDS) % 10)


@pytest.mark.parametrize("change", [-1, 1, -3073])
def test_a_cifar_file_of_the_wrong_size_is_named(cifar: Path, change: int) -> None:
    path = cifar / "data_batch_3.bin"
    content = path.read_bytes()
    path.write_bytes(content[:change] if change < 0 else content + b"\0" * change)
    with pytest.raises(ValueError, match=rf"data_batch_3\.bin has {61_460 + change:,} bytes, not 61,460"):
        read_cifar10(cifar)


def relabel(path: Path, old: int, new: int) -> None:
    records = np.frombuffer(path.read_bytes(), dtype=np.uint8).reshape(RECORDS, -1).copy()
    records[records[:, 0] == old, 0] = new
    path.write_bytes(records.tobytes())


def test_labels_out_of_range_are_refused(cifar: Path) -> None:
    relabel(cifar / "test_batch.bin", 9, 10)
    with pytest.raises(ValueError, match="test part: labels run from 0 to 10, but there are 10 classes"):
        read_raw("cifar10", cifar)


def test_an_empty_class_is_refused(cifar: Path) -> None:
    relabel(cifar / "test_batch.bin", 9, 8)
    with pytest.raises(ValueError, match="test part: no image of truck"):
        read_raw("cifar10", cifar)


def test_impossible_labels_and_classes() -> None:
    images = np.zeros((2, 1, 1, 1), dtype=np.uint8)
    with pytest.raises(ValueError, match="from -1 to 1"):
        check_split("part", Split(images, np.array([-1, 1])), ["a", "b"])
    with pytest.raises(ValueError, match="different names"):
        check_split("part", Split(images, np.array([0, 1])), ["a", "a"])
    with pytest.raises(ValueError, match="no image of a, b"):
        check_split("part", Split(images[:0], np.array([], dtype=np.int64)), ["a", "b"])
    check_split("part", Split(images, np.array([0, 1])), ["a", "b"])


def test_digits_are_dark_ink_on_light_paper() -> None:
    raw = digits()
    everything = np.concatenate([raw.train.images, raw.test.images])
    assert everything.shape == (1797, 8, 8, 1)
    assert everything.dtype == np.uint8
    assert (everything.min(), everything.max()) == (0, 255)
    # the corners of a digit are paper; of a zero the middle is too, of a one it is ink
    assert everything[:, 0, 0].mean() > 250
    learning = raw.train
    assert learning.images[learning.labels == 1][:, 3:5, 3:5].mean() < 60
    assert learning.images[learning.labels == 0][:, 3:5, 3:5].mean() > 180
    assert raw.classes == tuple("0123456789")
    assert len(raw.test) == 360
    assert np.bincount(raw.test.labels).min() >= 34


def test_a_digits_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "digits.csv.gz"
    for table in (np.zeros((3, 64)), np.full((3, 65), 17.0), np.full((3, 65), -1.0)):
        with gzip.open(path, "wt") as file:
            np.savetxt(file, table, delimiter=",")
        with pytest.raises(ValueError, match=r"digits\.csv\.gz holds a table"):
            read_digits(tmp_path)


def test_the_split_is_seeded_stratified_disjoint_and_complete() -> None:
    labels = np.repeat(np.arange(5), [100, 200, 50, 70, 80]).astype(np.int64)
    np.random.default_rng(0).shuffle(labels)
    train, validation = split_indices(labels, validation_fraction=0.1, seed=3)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(500))
    assert not set(train) & set(validation)
    np.testing.assert_array_equal(np.bincount(labels[validation]), [10, 20, 5, 7, 8])
    again, other = (split_indices(labels, validation_fraction=0.1, seed=seed)[1] for seed in (3, 4))
    np.testing.assert_array_equal(again, validation)
    assert not np.array_equal(other, validation)


def test_a_class_too_small_to_split_is_named_with_the_fraction() -> None:
    with pytest.raises(ValueError, match=r"data\.validation_fraction=0\.5"):
        split_indices(np.array([0, 0, 0, 1]), validation_fraction=0.5, seed=0)


def test_statistics_are_numpys() -> None:
    images = np.random.default_rng(0).integers(0, 200, (30, 5, 4, 3), dtype=np.uint8)
    images[..., 1] //= 3
    mean, std = channel_statistics(images)
    np.testing.assert_allclose(mean, (images / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, (images / 255).std((0, 1, 2)), rtol=1e-12)
    with pytest.raises(ValueError, match="one value"):
        channel_statistics(np.full((3, 2, 2, 1), 9, dtype=np.uint8))


def random_split(count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    return Split(rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8), np.arange(count) % 2)


def test_the_report_finds_what_was_planted() -> None:
    splits = {name: random_split(10, seed) for seed, name in enumerate(["train", "validation", "test"])}
    train, validation, test = splits.values()
    train.images[4] = train.images[7] = train.images[2]  # two too many
    validation.images[1] = train.images[0]
    test.images[5] = train.images[9]
    test.images[6] = train.images[8]
    manifests = {name: manifest(split, np.arange(10) + 100, ["cat", "dog"]) for name, split in splits.items()}
    report = data_report(splits, manifests, ["cat", "dog"])
    assert [report["splits"][name]["duplicates"] for name in splits] == [2, 0, 0]
    assert report["duplicates_across"] == {"train-validation": 1, "train-test": 2, "validation-test": 0}
    assert report["splits"]["test"] == {
        "images": 10,
        "shape": [4, 4, 3],
        "dtype": "uint8",
        "range": [int(test.images.min()), int(test.images.max())],
        "per_class": {"cat": 5, "dog": 5},
        "duplicates": 0,
    }


def test_a_split_and_its_manifest_come_back(tmp_path: Path) -> None:
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


def test_the_hash_of_a_split_is_of_images_and_labels(tmp_path: Path) -> None:
    split = random_split(6, 0)
    other = Split(split.images, 1 - split.labels)
    for name, part in {"a": split, "b": split, "c": other}.items():
        write_split(tmp_path / name, part, manifest(part, np.arange(6), ["cat", "dog"]))
    a, b, c = (split_sha256(tmp_path / name) for name in "abc")
    assert a == b != c


def test_a_split_that_is_not_there_or_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run `dvc repro preprocess` first"):
        open_split(tmp_path / "train")
    split = random_split(6, 0)
    write_split(tmp_path / "train", split, manifest(split, np.arange(6), ["cat", "dog"]))
    for images in (split.images.astype(np.float32), split.images[:5], split.images[..., 0]):
        write_array(tmp_path / "train" / "images.npy", images)
        with pytest.raises(ValueError, match=r"expected uint8 \[N,H,W,C\]"):
            open_split(tmp_path / "train")


def test_first_takes_the_first_and_0_takes_all() -> None:
    split = random_split(6, 0)
    assert len(split.first(0)) == 6
    np.testing.assert_array_equal(split.first(2).images, split.images[:2])
    np.testing.assert_array_equal(split.first(2).labels, split.labels[:2])


def test_meta_comes_back(tmp_path: Path) -> None:
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
