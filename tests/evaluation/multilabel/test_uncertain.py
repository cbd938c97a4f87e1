"""Between which probabilities a label's decision is uncertain: outside them enough decisions are right."""

import numpy as np
import pytest

from darkroom.evaluation.multilabel.calibration_fit import calibrated, fit_label_sets
from darkroom.evaluation.multilabel.thresholds import decide
from darkroom.evaluation.multilabel.uncertain import bounds_array, uncertain, uncertain_bounds
from tests.helpers.label_sets import scored


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("accuracy", [0.8, 0.95, 1.0])
def test_the_bounds_are_the_narrowest_outside_which_enough_are_right(seed: int, accuracy: float) -> None:
    scores, labels = scored(count=80, seed=seed, unknown=0.1, decimals=2 if seed % 2 else 8)
    thresholds = np.full(5, 0.5)
    for label, found in enumerate(uncertain_bounds(scores, labels, thresholds, accuracy=accuracy)):
        assert found is not None
        low, high = found
        known = labels[:, label] >= 0
        x, yes = scores[known, label], labels[known, label] == 1
        reached = [p for p in x[x >= 0.5] if yes[x >= p].mean() >= accuracy]
        assert high == pytest.approx(min(reached, default=1.0))
        refuted = [p for p in x[x < 0.5] if (~yes[x <= p]).mean() >= accuracy]
        assert low == pytest.approx(max(refuted, default=0.0))


def test_a_label_of_few_images_has_no_bounds_and_unknown_answers_change_nothing() -> None:
    scores, labels = scored()
    labels[:, 3] = 0
    labels[:4, 3] = 1
    bounds = uncertain_bounds(scores, labels, np.full(5, 0.5), accuracy=0.95)
    assert bounds[3] is None
    assert not uncertain(scores, bounds_array(bounds))[:, 3].any()
    more = np.concatenate([labels, np.full_like(labels, -1)])
    doubled = np.concatenate([scores, 1 - scores])
    assert uncertain_bounds(doubled, more, np.full(5, 0.5), accuracy=0.95) == bounds


def test_calibration_keeps_bounds_outside_which_decisions_are_right() -> None:
    scores, labels = scored(count=400)
    logits = np.log(scores / (1 - scores)).astype(np.float32)
    done = fit_label_sets(logits, labels, rule="f1", confident_accuracy=0.9)
    probabilities = calibrated(logits, done.fitted)
    doubts = uncertain(probabilities, bounds_array(done.fitted["uncertain"]))
    decisions = decide(probabilities, np.array(done.fitted["thresholds"]))
    right = decisions == (labels == 1)
    for label in range(5):
        for answer in (True, False):
            sure = ~doubts[:, label] & (decisions[:, label] == answer)
            assert right[sure, label].mean() >= 0.9
    assert done.report["uncertain_decisions"] == pytest.approx(doubts.mean())
    assert 0 < doubts.mean() < 1
    assert right[~doubts].mean() > right[doubts].mean()


def test_of_few_images_no_bounds_are_fitted() -> None:
    scores, labels = scored(count=20)
    logits = np.log(scores / (1 - scores)).astype(np.float32)
    done = fit_label_sets(logits, labels, rule="f1", confident_accuracy=0.9)
    assert done.fitted["uncertain"] == [None] * 5
    assert done.report["uncertain_decisions"] == 0
