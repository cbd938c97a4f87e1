"""Accuracy by parts of the test set: every image is in one group of each kind."""

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.data.splits import Split
from darkroom.evaluation.corruptions import CORRUPTIONS, STRENGTHS
from darkroom.evaluation.slices import corruptions_table, sample_images, share, slices_table
from tests.helpers.training import digits


def test_shares_have_wilson_intervals_and_no_images_have_no_accuracy() -> None:
    whole = share(np.array([True, True, True, False]))
    assert (whole["images"], whole["accuracy"]) == (4, 0.75)
    assert whole["accuracy_low"] == pytest.approx(0.3006, abs=1e-4)
    nothing = share(np.array([], dtype=bool))
    assert nothing["images"] == 0
    assert np.isnan(nothing["accuracy"])


def test_every_image_is_in_one_group_of_each_kind() -> None:
    raw = digits()
    split = raw.test
    generator = np.random.default_rng(0)
    correct = generator.random(len(split)) < 0.8
    confidence = generator.random(len(split)).astype(np.float32)
    table = slices_table(split, confidence=confidence, correct=correct, classes=raw.classes)
    assert table.groupby("slice")["images"].sum().to_dict() == dict.fromkeys(
        ("class", "brightness", "confidence"), len(split)
    )
    threes = table[(table["slice"] == "class") & (table["group"] == "3")].iloc[0]
    assert threes["accuracy"] == pytest.approx(correct[split.labels == 3].mean())
    uncertain = table[(table["slice"] == "confidence") & (table["group"] == "0 to 0.5")].iloc[0]
    assert uncertain["images"] == (confidence < 0.5).sum()
    parts = table[table["slice"] == "brightness"]["images"]
    assert parts.max() - parts.min() < 0.1 * len(split)


def test_images_of_equal_brightness_are_all_in_a_group() -> None:
    split = Split(np.full((6, 4, 4, 1), 9, dtype=np.uint8), np.arange(6) % 2)
    table = slices_table(
        split, confidence=np.ones(6, np.float32), correct=np.ones(6, bool), classes=("a", "b")
    )
    assert table[table["slice"] == "brightness"]["images"].sum() == 6


def test_each_corruption_is_predicted_at_each_strength() -> None:
    split = sample_images(digits().test, 50, seed=0)
    seen: list[NDArray[np.uint8]] = []

    def predict(harder: Split) -> NDArray[np.float32]:
        """Predict every second image correctly."""
        seen.append(harder.images)
        wrong = np.arange(len(harder)) % 2
        return np.asarray(np.eye(10, dtype=np.float32)[(harder.labels + wrong) % 10])

    table, report = corruptions_table(predict, split, seed=0, resamples=200)
    assert len(seen) == len(table) == len(CORRUPTIONS) * len(STRENGTHS)
    assert all((images != split.images).any() for images in seen)
    assert report["accuracy"] == report["noise"] == 0.5
    assert report["accuracy_low"] < 0.5 < report["accuracy_high"]
    assert (table["images"] == 50).all()


def test_sampled_images_are_the_same_for_a_seed_and_keep_their_order() -> None:
    split = Split(np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1), np.arange(10))
    first, again = sample_images(split, 4, seed=1), sample_images(split, 4, seed=1)
    assert first.labels.tolist() == again.labels.tolist() == sorted(first.labels)
    assert first.images.ravel().tolist() == first.labels.tolist()
    assert len(sample_images(split, 99, seed=1)) == 10
