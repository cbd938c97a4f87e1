"""Near-duplicates: planted copies are found, other images are not."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from darkroom.data import duplicates
from darkroom.data.duplicates import near_duplicates


def random_images(
    count: int, seed: int, *, height: int = 32, width: int = 32, channels: int = 3
) -> NDArray[np.uint8]:
    """Return smooth images, all different: uint8 [N,H,W,C] within 30..225."""
    generator = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(
        generator.standard_normal((count, height, width, channels)), (0, 2, 2, 0)
    )
    low, high = smooth.min(axis=(1, 2, 3), keepdims=True), smooth.max(axis=(1, 2, 3), keepdims=True)
    return np.asarray(30 + 195 * (smooth - low) / (high - low)).astype(np.uint8)


def noisy(images: NDArray[np.uint8], deviation: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(5).normal(0, deviation, images.shape)
    return (images + noise).clip(0, 255).astype(np.uint8)


def rows(table: pd.DataFrame) -> list[tuple[int, str, int]]:
    return list(zip(table["test_index"], table["split"], table["index"], strict=True))


def assert_columns(table: pd.DataFrame) -> None:
    assert [(name, str(dtype)) for name, dtype in table.dtypes.items()] == [
        ("test_index", "int64"), ("split", "str"), ("index", "int64"), ("similarity", "float64"),
    ]  # fmt: skip
    assert list(table.index) == list(range(len(table)))


def test_copies_are_found_and_sorted_by_similarity() -> None:
    test, train, validation = random_images(20, 1), random_images(50, 2), random_images(30, 3)
    train[41] = noisy(test[3], 3)
    validation[7] = test[11]
    train[0] = (0.5 * test[19] + 60).astype(np.uint8)  # with less contrast and brighter
    table = near_duplicates(test, {"train": train, "validation": validation}, similarity=0.95, mirror=False)
    assert_columns(table)
    assert rows(table)[0] == (11, "validation", 7)
    assert table["similarity"][0] == 1.0
    assert sorted(rows(table)) == [(3, "train", 41), (11, "validation", 7), (19, "train", 0)]
    assert (table["similarity"].diff().dropna() <= 0).all()
    assert table["similarity"].between(0.95, 1).all()


def test_only_the_closest_image_counts_and_the_first_of_equal_ones() -> None:
    test = random_images(3, 1)
    train, validation = random_images(9, 2), random_images(9, 3)
    train[2] = noisy(test[1], 10)
    validation[4] = validation[6] = noisy(test[1], 2)
    others = {"train": train, "validation": validation}
    table = near_duplicates(test, others, similarity=0.8, mirror=True)
    assert rows(table) == [(1, "validation", 4)]
    train[5] = validation[4]
    assert rows(near_duplicates(test, others, similarity=0.8, mirror=True)) == [(1, "train", 5)]


def test_mirrored_copies_count_where_requested() -> None:
    test, train = random_images(5, 1, height=24, width=37), random_images(9, 2, height=24, width=37)
    train[8] = test[2, :, ::-1]
    table = near_duplicates(test, {"train": train}, similarity=0.99, mirror=True)
    assert rows(table) == [(2, "train", 8)]
    assert table["similarity"][0] == 1.0
    assert len(near_duplicates(test, {"train": train}, similarity=0.99, mirror=False)) == 0


def test_similarity_is_the_correlation_of_averaged_pixels_less_their_surroundings() -> None:
    def check(test: NDArray[np.uint8], train: NDArray[np.uint8], averaged: int) -> None:
        table = near_duplicates(test, {"train": train}, similarity=-1, mirror=False)
        table = table.sort_values("test_index")
        compared = []
        for images in (test, train):
            count, height, width, channels = images.shape
            parts = images.reshape(count, height // averaged, averaged, width // averaged, averaged, channels)
            means = parts.mean(axis=(2, 4))
            blur = (0, means.shape[1] / 4, means.shape[2] / 4, 0)
            compared.append((means - ndimage.gaussian_filter(means, blur)).reshape(count, -1))
        expected = np.corrcoef(*compared)[: len(test), len(test) :]
        assert table["similarity"].tolist() == pytest.approx(expected.max(axis=1), abs=1e-5)
        assert table["index"].tolist() == expected.argmax(axis=1).tolist()

    check(random_images(4, 1), random_images(6, 2), averaged=2)
    small = {"height": 8, "width": 9, "channels": 1}
    check(random_images(4, 1, **small), random_images(6, 2, **small), averaged=1)


def test_images_that_share_only_their_layout_are_not_similar() -> None:
    sky = np.linspace(160, 40, 32)[:, None, None]
    test, train = ((0.4 * random_images(5, seed) + sky).astype(np.uint8) for seed in (1, 2))
    plain = np.corrcoef(test.reshape(5, -1), train.reshape(5, -1))[:5, 5:]
    assert plain.max(axis=1).min() > 0.9
    table = near_duplicates(test, {"train": train}, similarity=-1, mirror=True)
    assert table["similarity"].max() < 0.8


def test_mirrored_similarity_is_the_larger_of_both() -> None:
    test, train = random_images(30, 1), random_images(40, 2)
    others = {"train": train}

    def found(images: NDArray[np.uint8], mirror: bool) -> NDArray[np.float64]:
        table = near_duplicates(images, others, similarity=-1, mirror=mirror).sort_values("test_index")
        return table["similarity"].to_numpy()

    larger = np.maximum(found(test, False), found(test[:, :, ::-1], False))
    assert found(test, True) == pytest.approx(larger, abs=1e-5)


def test_an_image_of_one_colour_is_similar_to_equal_images_only() -> None:
    train = random_images(6, 2, height=21, width=50)  # sides that 16 does not divide: averages are rounded
    test = random_images(4, 1, height=21, width=50)
    train[1], train[2], train[4] = (20, 40, 60), 200, 200
    test[0], test[2], test[3] = 200, 201, (10, 20, 30)
    table = near_duplicates(test, {"train": train}, similarity=-1, mirror=True)
    assert table["test_index"].tolist() == [0, 1]
    assert rows(table)[0] == (0, "train", 2)
    assert table["similarity"][0] == 1.0
    assert table["index"][1] not in (1, 2, 4)
    only = near_duplicates(test[:1], {"first": train[:2], "second": train[2:]}, similarity=1, mirror=True)
    assert rows(only) == [(0, "second", 0)]


def test_the_chunk_size_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    test, train, validation = random_images(23, 1), random_images(31, 2), random_images(17, 3)
    train[30], validation[16] = test[22], noisy(test[10], 4)
    test[5] = validation[3] = 9
    others = {"train": train, "validation": validation}
    whole = near_duplicates(test, others, similarity=-1, mirror=True)
    monkeypatch.setattr(duplicates, "TEST_CHUNK", 4)
    monkeypatch.setattr(duplicates, "OTHER_CHUNK", 3)
    monkeypatch.setattr(duplicates, "READ_VALUES", 1)
    chunked = near_duplicates(test, others, similarity=-1, mirror=True)
    pd.testing.assert_frame_equal(chunked, whole, rtol=0, atol=2e-5)
    assert len(whole) == 23


def test_images_may_be_memory_mapped(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("mapped")
    test, train = random_images(5, 1), random_images(9, 2)
    train[8], train[0], test[0] = test[2], 50, 50
    np.save(folder / "test.npy", test)
    np.save(folder / "train.npy", train)
    mapped = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("test", "train")]
    table = near_duplicates(mapped[0], {"train": mapped[1]}, similarity=0.9, mirror=True)
    assert rows(table) == [(0, "train", 0), (2, "train", 8)]


@pytest.mark.parametrize("count", [0, 3])
def test_nothing_similar_gives_an_empty_table(count: int) -> None:
    test = random_images(count, 1)
    for others in ({}, {"train": random_images(0, 2)}, {"train": random_images(5, 2)}):
        table = near_duplicates(test, others, similarity=0.99, mirror=True)
        assert_columns(table)
        assert len(table) == 0


@pytest.mark.parametrize(
    ("test", "other", "similarity", "message"),
    [
        (random_images(2, 1), random_images(2, 2), 1.01, r"between -1 and 1, got 1\.01"),
        (random_images(2, 1), random_images(2, 2), float("nan"), "got nan"),
        (
            random_images(2, 1),
            random_images(2, 2, height=31),
            0.9,
            r"train holds images uint8 \[2, 31, 32, 3\]",
        ),
        (random_images(2, 1), random_images(2, 2).astype(np.float32), 0.9, "train holds images float32"),
        (random_images(2, 1).astype(np.float32), random_images(2, 2), 0.9, "test holds images float32"),
        (random_images(2, 1)[0], random_images(2, 2), 0.9, r"test holds images uint8 \[32, 32, 3\]"),
    ],
)
def test_invalid_arguments_are_refused(
    test: NDArray[np.uint8], other: NDArray[np.uint8], similarity: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        near_duplicates(test, {"train": other}, similarity=similarity, mirror=True)
