"""Thresholds of several labels: the best by brute force, and none from a handful of images."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from darkroom.evaluation.multilabel.thresholds import best_f1_threshold, decide, fit_thresholds
from tests.helpers.label_sets import scored


@pytest.mark.integration  # takes seconds
@pytest.mark.parametrize("seed", range(4))
def test_no_threshold_has_a_higher_f1(seed: int) -> None:
    scores, labels = scored(count=40, seed=seed, decimals=1 if seed % 2 else 8)
    for label in range(labels.shape[1]):
        x, y = scores[:, label], labels[:, label]
        found = f1_score(y, x >= best_f1_threshold(x, y))
        best = max(f1_score(y, x >= threshold, zero_division=0) for threshold in [*x, 0.0, 2.0])
        assert found == pytest.approx(best)


def test_images_of_which_it_is_unknown_change_nothing() -> None:
    scores, labels = scored(unknown=0.3)
    known = labels[:, 2] >= 0
    assert best_f1_threshold(scores[:, 2], labels[:, 2]) == best_f1_threshold(
        scores[known, 2], labels[known, 2]
    )


def test_a_label_of_few_images_keeps_a_half() -> None:
    scores, labels = scored()
    labels[:, 3] = 0
    labels[:4, 3] = 1
    thresholds = fit_thresholds(scores, labels, rule="f1")
    assert thresholds[3] == 0.5
    assert (thresholds[:3] != 0.5).all()
    assert fit_thresholds(scores, labels, rule="half").tolist() == [0.5] * 5
    assert decide(np.array([[0.5, 0.4]]), np.array([0.5, 0.5])).tolist() == [[True, False]]
