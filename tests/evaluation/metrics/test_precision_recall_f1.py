"""Precision, recall and F1 averaged over the classes, and the interval of F1."""

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.evaluation.headline import classification_metrics
from darkroom.evaluation.intervals import bootstrap_interval
from darkroom.evaluation.metrics import METRICS
from darkroom.evaluation.metrics.precision_recall_f1 import Average, f1_interval
from tests.helpers.evaluation import CLASSES

pytestmark = pytest.mark.filterwarnings("error")


def test_the_interval_of_f1_holds_f1_and_treats_undefined_shares_alike() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 300)
    probabilities = generator.dirichlet(np.ones(3), 300).astype(np.float32)
    probabilities[np.arange(300), labels] += 1
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels[:60] = (labels[:60] + 1) % 3
    metrics = classification_metrics(probabilities, labels, classes=CLASSES, top_k=2)
    for average in ("macro", "weighted"):
        tree = metrics[average]
        assert tree["f1_low"] < tree["f1"] < tree["f1_high"]
        assert 0.05 < tree["f1_high"] - tree["f1_low"] < 0.15
    one = classification_metrics(np.eye(3, dtype=np.float32), np.arange(3), classes=CLASSES, top_k=1)
    assert one["macro"]["f1"] == 1
    assert one["macro"]["f1_high"] == 1


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_the_fast_interval_of_f1_is_that_of_scikit_learns_f1(average: Average) -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 4, 100)
    probabilities = generator.dirichlet(np.ones(5), 100)  # the last class has no images

    def resampled(drawn: NDArray[np.int64]) -> float:
        return METRICS[f"{average}.f1"](probabilities[drawn], labels[drawn])

    found = f1_interval(probabilities, labels, 50, average=average)
    strata = labels if average == "macro" else None
    assert found == pytest.approx(bootstrap_interval(resampled, 100, 50, strata=strata), abs=1e-12)
