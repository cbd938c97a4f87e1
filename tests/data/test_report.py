"""The data report: statistics and duplicates."""

import numpy as np
import pytest

from darkroom.data.report import channel_statistics, data_report
from darkroom.data.splitting import manifest
from tests.helpers.training import random_split


def test_the_statistics_equal_numpys() -> None:
    images = np.random.default_rng(0).integers(0, 200, (30, 5, 4, 3), dtype=np.uint8)
    images[..., 1] //= 3
    mean, std = channel_statistics(images)
    np.testing.assert_allclose(mean, (images / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, (images / 255).std((0, 1, 2)), rtol=1e-12)
    with pytest.raises(ValueError, match="one value"):
        channel_statistics(np.full((3, 2, 2, 1), 9, dtype=np.uint8))


def test_the_report_finds_every_duplicate() -> None:
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
