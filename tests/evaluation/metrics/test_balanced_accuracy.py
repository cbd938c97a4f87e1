"""Balanced accuracy and the intervals of averages over classes that are not equally frequent."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from darkroom.evaluation.headline import classification_metrics
from darkroom.evaluation.intervals import bootstrap_interval
from darkroom.evaluation.metrics.balanced_accuracy import balanced_accuracy


def predictions(sizes: list[int], right: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    classes = np.where(
        random.random(len(labels)) < right, labels, random.integers(0, len(sizes), len(labels))
    )
    return np.eye(len(sizes), dtype=np.float32)[classes], labels


def test_it_is_scikit_learns() -> None:
    probabilities, labels = predictions([900, 80, 15, 5], 0.7)
    expected = balanced_accuracy_score(labels, probabilities.argmax(1))
    assert balanced_accuracy(probabilities.astype(float), labels) == pytest.approx(expected)


def test_averages_over_rare_classes_lie_within_their_intervals() -> None:
    """A draw without a class's images would count it as 0, and so pull the interval below the average."""
    probabilities, labels = predictions([900] + [1] * 30, 1.0)
    found = classification_metrics(
        probabilities, labels, classes=[f"c{n}" for n in range(31)], top_k=1, resamples=200
    )
    for tree, names in ((found, ["balanced_accuracy"]), (found["macro"], ["precision", "recall", "f1"])):
        for name in names:
            assert (tree[name], tree[f"{name}_low"], tree[f"{name}_high"]) == pytest.approx((1, 1, 1))


def test_macro_intervals_hold_the_average() -> None:
    probabilities, labels = predictions([300, 60, 40], 0.6)
    found = classification_metrics(probabilities, labels, classes=["a", "b", "c"], top_k=1, resamples=300)
    assert found["balanced_accuracy_low"] < found["balanced_accuracy"] < found["balanced_accuracy_high"]
    assert found["macro"]["recall"] == pytest.approx(found["balanced_accuracy"])
    for name in ("precision", "recall", "f1"):
        assert found["macro"][f"{name}_low"] < found["macro"][name] < found["macro"][f"{name}_high"]
    assert found["accuracy"] > found["balanced_accuracy"] - 0.2


def test_strata_keep_the_number_of_images_of_each_class() -> None:
    strata = np.array([2, 0, 2, 2, 0, 5])
    seen: list[np.ndarray] = []

    def statistic(drawn: np.ndarray) -> float:
        seen.append(drawn)
        return 0.0

    bootstrap_interval(statistic, 6, 100, strata=strata)
    assert all(sorted(strata[drawn]) == sorted(strata) for drawn in seen)
    assert {tuple(np.sort(drawn)) for drawn in seen} > {(0, 1, 2, 3, 4, 5)}
