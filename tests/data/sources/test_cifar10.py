"""CIFAR-10 from its real file layout, with synthetic images."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.data.sources import cifar10 as source
from darkroom.data.sources import read_raw
from darkroom.data.sources.cifar10 import read as read_cifar10

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


def test_pixels_and_labels_are_read(cifar: Path) -> None:
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
def test_a_file_of_the_wrong_size_is_named(cifar: Path, change: int) -> None:
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


def test_a_class_without_images_is_refused(cifar: Path) -> None:
    relabel(cifar / "test_batch.bin", 9, 8)
    with pytest.raises(ValueError, match="test part: no image of truck"):
        read_raw("cifar10", cifar)
