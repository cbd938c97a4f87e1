"""The files that torchvision keeps on the disk: MNIST's and CIFAR's."""

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from darkroom.data.storage import SourceError, open_storage
from tests.helpers.scans import scan_source

RANDOM = np.random.default_rng(0)


def mnist(folder: Path, *, packed: bool) -> None:
    folder.mkdir(parents=True)
    for part, count in (("train", 30), ("t10k", 10)):
        images = RANDOM.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 3
        for name, content in (
            (f"{part}-images-idx3-ubyte", struct.pack(">4i", 2051, count, 28, 28) + images.tobytes()),
            (f"{part}-labels-idx1-ubyte", struct.pack(">2i", 2049, count) + labels.tobytes()),
        ):
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            if not packed:
                (folder / name).write_bytes(content)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist(tmp_path: Path, packed: bool) -> None:
    mnist(tmp_path / "MNIST/raw", packed=packed)
    found = scan_source(tmp_path / "MNIST", tmp_path, side=28)
    assert found.classes == ("0", "1", "2")
    assert found.shape == (28, 28, 1)
    assert len(found.used) == 40
    assert found.used["split"].value_counts()["test"] == 10


def batches(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("data_batch_1", "data_batch_2", "test_batch"):
        batch = {
            b"data": RANDOM.integers(0, 256, (10, 3072), dtype=np.uint8),
            b"labels": [n % 2 for n in range(10)],
        }
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"airplane", b"bird"]}, protocol=2))


def test_cifar(tmp_path: Path) -> None:
    batches(tmp_path / "set/cifar-10-batches-py")
    found = scan_source(tmp_path / "set", tmp_path, side=32)
    assert found.classes == ("airplane", "bird")
    assert found.used["split"].value_counts()["test"] == 10
    assert len(found.used) == 30


def test_the_pixels_are_those_of_the_batch(tmp_path: Path) -> None:
    import io

    from PIL import Image

    batches(tmp_path / "set")
    storage = open_storage("set", tmp_path)
    batch = pickle.loads((tmp_path / "set/test_batch").read_bytes())  # noqa: S301  written above
    image = Image.open(io.BytesIO(storage.read("test/test_batch/00000003.image.png")))
    assert np.array_equal(np.asarray(image).transpose(2, 0, 1).reshape(-1), batch[b"data"][3])


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(tmp_path / "harm"),)

    batches(tmp_path / "set")
    (tmp_path / "set/data_batch_1").write_bytes(pickle.dumps({b"data": Harm()}))
    with pytest.raises(SourceError, match=r"data_batch_1 is not a whole file of pixels: it wants to make a"):
        list(open_storage("set", tmp_path).files())
    assert not (tmp_path / "harm").exists()


def test_half_a_file_of_pixels_is_an_error(tmp_path: Path) -> None:
    mnist(tmp_path / "raw", packed=False)
    path = tmp_path / "raw/train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(SourceError, match="is not a whole file of pixels"):
        list(open_storage("raw", tmp_path).files())
