"""The headline numbers of a test set, against values worked out by hand."""

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss

from darkroom.evaluation import metrics
from darkroom.evaluation.headline import classification_metrics
from darkroom.evaluation.intervals import wilson_interval
from tests.helpers.evaluation import CLASSES, LABELS, PROBABILITIES

pytestmark = pytest.mark.filterwarnings("error")


def test_headline_numbers_match_a_computation_by_hand() -> None:
    found = classification_metrics(PROBABILITIES, LABELS, classes=CLASSES, top_k=2)
    assert found["images"] == 6
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert (found["accuracy_low"], found["accuracy_high"]) == wilson_interval(4, 6)
    own = [0.7, 0.5, 0.3, 0.8, 0.9, 0.1]  # what each true class got
    assert found["loss"] == pytest.approx(-sum(map(math.log, own)) / 6, rel=1e-6)
    # The last image has its class third, all others first or second.
    assert found["top_2_accuracy"] == pytest.approx(5 / 6)
    # F1 = 2 correct / (predicted + actual): cat 4/6, dog 2/4, ship 2/2.
    by_hand = {
        "precision": (2 / 3 + 1 / 2 + 1) / 3,
        "recall": (2 / 3 + 1 / 2 + 1) / 3,
        "f1": (4 / 6 + 2 / 4 + 1) / 3,
    }
    assert {key: found["macro"][key] for key in by_hand} == pytest.approx(by_hand)
    assert found["weighted"]["f1"] == pytest.approx((3 * 4 / 6 + 2 * 2 / 4 + 1) / 6)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_top_k_is_left_out_where_it_counts_every_image() -> None:
    for top_k, expected in ((2, True), (3, False), (5, False)):
        found = classification_metrics(PROBABILITIES, LABELS, classes=CLASSES, top_k=top_k)
        assert (f"top_{top_k}_accuracy" in found) is expected
        assert (f"top_{top_k}_accuracy_low" in found) is expected


def test_a_class_without_images_or_predictions() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], dtype=np.float32)
    labels = np.array([0, 0])  # dog is predicted but has no images, ship neither
    found = classification_metrics(probabilities, labels, classes=CLASSES, top_k=1)
    assert found["macro"]["precision"] == pytest.approx(1 / 3)
    assert found["macro"]["recall"] == pytest.approx(1 / 6)


def test_a_metric_with_one_line_in_the_dictionary_is_reported_with_a_bootstrapped_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def brier_score(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
        return float(((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(axis=1).mean())

    monkeypatch.setitem(metrics.METRICS, "brier_score", brier_score)
    found = classification_metrics(PROBABILITIES, LABELS, classes=CLASSES, top_k=2, resamples=200)
    expected = brier_score_loss(LABELS, PROBABILITIES, labels=range(3), scale_by_half=False)
    assert found["brier_score"] == pytest.approx(expected, abs=1e-6)
    assert found["brier_score_low"] < found["brier_score"] < found["brier_score_high"]
