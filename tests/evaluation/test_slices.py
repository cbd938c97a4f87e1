"""Accuracy by parts of the test set: every image is in one group of each kind."""

import numpy as np
import pytest

from darkroom.data.splits import Split
from darkroom.evaluation.slices import slices_table
from tests.helpers.training import digits


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
