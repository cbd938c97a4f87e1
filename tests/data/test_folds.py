"""Folds have every class, and images that depend on each other are in one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom import UserError
from darkroom.data.folds import divide, read_divided, units_of
from darkroom.data.splits import Split, write_split
from darkroom.data.splitting import manifest

CLASSES = ("cat", "dog")


@pytest.mark.integration
@given(st.lists(st.integers(1, 4), min_size=30, max_size=60), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_every_image_is_in_one_fold_and_units_stay_whole(sizes: list[int], folds: int, seed: int) -> None:
    units = np.repeat(np.arange(len(sizes)), sizes)
    labels = units % 2
    fold = divide(labels, units, folds=folds, classes=CLASSES, seed=seed)
    assert set(fold) == set(range(folds))
    assert (pd.Series(fold).groupby(units).nunique() == 1).all()
    assert all(len(set(fold[labels == label])) > 1 for label in (0, 1)), "each is always trained on"


def test_folds_are_stratified_and_drawn_by_the_seed() -> None:
    labels = np.repeat([0, 1], [200, 50])
    one, other = (divide(labels, np.arange(250), folds=5, classes=CLASSES, seed=seed) for seed in (0, 1))
    for fold in (one, other):
        assert np.bincount(fold).tolist() == [50] * 5
        assert np.bincount(fold[labels == 1]).tolist() == [10] * 5
    assert (one != other).any()
    assert (one == divide(labels, np.arange(250), folds=5, classes=CLASSES, seed=0)).all()


def test_a_rare_class_need_not_be_in_every_fold() -> None:
    labels = np.repeat([0, 1], [40, 2])
    fold = divide(labels, np.arange(42), folds=5, classes=CLASSES, seed=0)
    assert len(set(fold[labels == 1])) == 2


@pytest.mark.parametrize(
    ("labels", "units", "message"),
    [
        ([0, 1] * 10, [0, 1] * 10, "make 2 units .* set data.folds=2"),
        ([0, 1] * 10, [0] * 20, "make 1 units .* set data.folds=0"),
        ([0] * 20 + [1] * 4, [*range(20), 20, 20, 20, 20], "class 'dog' are in one fold.* 1 unit"),
        ([0, 1], [0, 1], "make 2 units"),
        ([0, 0, 0, 1, 1, 1, 1], [*range(7)], "data.folds is 5: .*set data.folds to fewer, or 0"),
    ],
)
def test_what_cannot_be_divided_is_refused(labels: list[int], units: list[int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        divide(np.array(labels), np.array(units), folds=5, classes=CLASSES, seed=0)


def test_groups_that_share_a_copy_are_one_unit() -> None:
    table = pd.DataFrame({"sha256": ["a", "b", "b", "c", "d"], "unit": ["1", "1", "2", "2", ""]})
    assert units_of(table).tolist() == [0, 0, 0, 0, 1]
    assert units_of(table[["sha256"]]).tolist() == [0, 1, 1, 2, 3]


def test_training_and_validation_images_are_divided_together(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, count in (("train", 20), ("validation", 6)):
        images = random.integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)
        split = Split(images, np.arange(count) % 2)
        rows = manifest(split, np.arange(count), CLASSES)
        write_split(tmp_path / name, split, rows.assign(path=[f"{name}/{n}.png" for n in range(count)]))
    options = {"folds": 3, "seed": 0}
    divided = read_divided(tmp_path, first=10, classes=CLASSES, **options)
    assert divided.rows["split"].tolist() == ["train"] * 10 + ["validation"] * 6
    assert divided.rows["path"].tolist()[9:11] == ["train/9.png", "validation/0.png"]
    assert divided.rows["label"].tolist() == [*divided.train.labels, *divided.validation.labels]
    assert len(divided.folds) == 16
    again = read_divided(tmp_path, first=10, classes=CLASSES, **options)
    assert again.sha256 == divided.sha256
    assert read_divided(tmp_path, first=0, classes=CLASSES, **options).sha256 != divided.sha256
