"""The table of accuracy under corruptions, and the images it is computed on."""

import numpy as np
from numpy.typing import NDArray

from darkroom.data.splits import Split
from darkroom.evaluation.corruptions import CORRUPTIONS, STRENGTHS
from darkroom.evaluation.corruptions.table import corruptions_table, sample_images
from tests.helpers.training import digits


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
