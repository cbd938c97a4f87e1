"""The paired bootstrap of mAP: it calls a better model better, and equal ones seldom different."""

import numpy as np

from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.evaluation.multilabel.paired import paired_differences, two_sided_p
from tests.helpers.label_sets import scored


def test_a_better_model_is_better_and_the_differences_are_around_the_true_one() -> None:
    scores, labels = scored(count=300)
    worse = scores + np.random.default_rng(5).normal(0, 0.4, scores.shape)
    differences = paired_differences(scores, worse, labels, resamples=200)
    difference = mean_average_precision(scores, labels) - mean_average_precision(worse, labels)
    assert two_sided_p(differences) < 0.02
    assert abs(differences.mean() - difference) < 2 * differences.std()
    assert two_sided_p(-differences) == two_sided_p(differences)


def test_equally_good_models_are_seldom_called_different() -> None:
    alarms = 0
    for seed in range(20):
        scores, labels = scored(count=120, seed=seed)
        random = np.random.default_rng(seed)
        one, other = (scores + random.normal(0, 0.2, scores.shape) for _ in range(2))
        alarms += two_sided_p(paired_differences(one, other, labels, resamples=100)) <= 0.05
    assert alarms <= 4


def test_a_model_beside_itself_differs_in_no_draw() -> None:
    scores, labels = scored()
    assert two_sided_p(paired_differences(scores, scores, labels, resamples=50)) == 1.0
