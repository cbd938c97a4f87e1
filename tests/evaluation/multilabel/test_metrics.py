"""Metrics of several labels: those of scikit-learn, and what is unknown changes none."""

import numpy as np
import pytest
from sklearn import metrics

from darkroom.evaluation.multilabel.average_precision import (
    average_precisions,
    mean_average_precision,
    micro_average_precision,
    resampled_average_precisions,
)
from darkroom.evaluation.multilabel.headline import headline
from darkroom.evaluation.multilabel.per_image import exact, image_figures
from darkroom.evaluation.multilabel.precision_recall_f1 import mean_figures, per_label, top
from darkroom.evaluation.multilabel.ranking import ranking_figures
from tests.helpers.label_sets import scored


@pytest.mark.parametrize("decimals", [8, 1], ids=["distinct", "tied"])
def test_average_precision_is_that_of_scikit_learn(decimals: int) -> None:
    scores, labels = scored(decimals=decimals)
    theirs = metrics.average_precision_score(labels, scores, average=None)
    np.testing.assert_allclose(average_precisions(scores, labels), theirs)
    macro = metrics.average_precision_score(labels, scores, average="macro")
    micro = metrics.average_precision_score(labels, scores, average="micro")
    assert mean_average_precision(scores, labels) == pytest.approx(macro)
    assert micro_average_precision(scores, labels) == pytest.approx(micro)


def test_a_resample_is_the_images_drawn_so_often() -> None:
    scores, labels = scored(decimals=1)
    times = np.random.default_rng(1).multinomial(60, np.full(60, 1 / 60), size=3).astype(float)
    for row, found in zip(times, resampled_average_precisions(scores, labels, times), strict=True):
        drawn = np.repeat(np.arange(60), row.astype(int))
        np.testing.assert_allclose(found, average_precisions(scores[drawn], labels[drawn]))


def test_a_label_that_no_image_has_is_in_no_mean() -> None:
    scores, labels = scored()
    without = np.concatenate([labels, np.zeros((60, 1), np.int8)], axis=1)
    more = np.concatenate([scores, scores[:, :1]], axis=1)
    assert np.isnan(average_precisions(more, without)[-1])
    assert mean_average_precision(more, without) == mean_average_precision(scores, labels)


def test_precision_recall_and_f1_are_those_of_scikit_learn() -> None:
    scores, labels = scored()
    decisions = scores > 0.5
    each = per_label(decisions, labels)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(labels, decisions, zero_division=0)
    for name, theirs in (("precision", precision), ("recall", recall), ("f1", f1)):
        np.testing.assert_allclose(each[name], theirs)
    found = mean_figures(decisions, labels)
    assert found["macro_f1"] == pytest.approx(f1.mean())
    assert found["of1"] == pytest.approx(metrics.f1_score(labels, decisions, average="micro"))
    assert found["cp"] == pytest.approx(precision.mean())
    assert found["cf1"] == pytest.approx(2 / (1 / precision.mean() + 1 / recall.mean()))


def test_figures_of_images_are_those_of_scikit_learn() -> None:
    scores, labels = scored()
    decisions = scores > 0.5
    found = {name: value.mean() for name, value in image_figures(decisions, labels).items()}
    how = {"average": "samples", "zero_division": 0}
    assert found["precision"] == pytest.approx(metrics.precision_score(labels, decisions, **how))
    assert found["recall"] == pytest.approx(metrics.recall_score(labels, decisions, **how))
    assert found["f1"] == pytest.approx(metrics.f1_score(labels, decisions, **how))
    assert found["f2"] == pytest.approx(metrics.fbeta_score(labels, decisions, beta=2, **how))
    assert found["exact"] == pytest.approx(metrics.accuracy_score(labels, decisions))
    assert found["hamming"] == pytest.approx(metrics.hamming_loss(labels, decisions))


@pytest.mark.parametrize("decimals", [8, 1], ids=["distinct", "tied"])
def test_ranking_figures_are_those_of_scikit_learn(decimals: int) -> None:
    scores, labels = scored(decimals=decimals)
    found = {name: value.mean() for name, value in ranking_figures(scores, labels).items()}
    assert found["ranking_loss"] == pytest.approx(metrics.label_ranking_loss(labels, scores))
    assert found["coverage"] == pytest.approx(metrics.coverage_error(labels, scores))
    expected = metrics.label_ranking_average_precision_score(labels, scores)
    assert found["label_ranking"] == pytest.approx(expected)


def test_an_image_without_labels_is_right_where_it_is_given_none() -> None:
    labels = np.zeros((2, 3), np.int8)
    decisions = np.array([[False] * 3, [True, False, False]])
    assert image_figures(decisions, labels)["f1"].tolist() == [1, 0]
    assert exact(decisions, labels).tolist() == [True, False]


def test_what_is_unknown_is_in_no_figure() -> None:
    scores, labels = scored(unknown=0.3, seed=2)
    other = np.where(labels < 0, 1 - scores, scores)
    one, two = (headline(each, each > 0.5, labels, resamples=100) for each in (scores, other))
    top_three = [name for name in one if "top3" in name]
    assert top_three
    assert {name: value for name, value in one.items() if name not in top_three} == {
        name: value for name, value in two.items() if name not in top_three
    }


def test_intervals_hold_the_figure_and_are_those_of_drawn_images() -> None:
    scores, labels = scored(count=200)
    found = headline(scores, scores > 0.5, labels, resamples=400, seed=3)
    for name in ("average_precision", "macro_f1", "of1", "image_f1", "accuracy", "hamming_loss"):
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"]
    random = np.random.default_rng(0)
    drawn = [exact(scores[rows] > 0.5, labels[rows]).mean() for rows in random.integers(0, 200, (400, 200))]
    assert found["accuracy_low"] == pytest.approx(np.quantile(drawn, 0.025), abs=0.02)
    assert found["accuracy_high"] == pytest.approx(np.quantile(drawn, 0.975), abs=0.02)


def test_the_first_labels_are_those_of_the_highest_scores() -> None:
    scores, _ = scored()
    assert (top(scores, 3).sum(axis=1) == 3).all()
    assert all(scores[row][top(scores, 3)[row]].min() >= np.sort(scores[row])[2] for row in range(60))
