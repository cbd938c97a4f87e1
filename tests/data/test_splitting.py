"""Splitting: checks of labels, and the seeded, stratified split."""

import numpy as np
import pytest

from darkroom.data.splits import Split
from darkroom.data.splitting import check_split, split_indices


def test_impossible_labels_and_classes_are_refused() -> None:
    images = np.zeros((2, 1, 1, 1), dtype=np.uint8)
    with pytest.raises(ValueError, match="from -1 to 1"):
        check_split("part", Split(images, np.array([-1, 1])), ["a", "b"])
    with pytest.raises(ValueError, match="different names"):
        check_split("part", Split(images, np.array([0, 1])), ["a", "a"])
    with pytest.raises(ValueError, match="no image of a, b"):
        check_split("part", Split(images[:0], np.array([], dtype=np.int64)), ["a", "b"])
    check_split("part", Split(images, np.array([0, 1])), ["a", "b"])


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
