"""The figures of a cross-validation are those of its predictions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from darkroom.evaluation.cross_validation import empty_table, figures, prediction_table, summary
from darkroom.evaluation.unit_intervals import unit_interval

CLASSES = ("cat", "dog", "bird")


def table(*, paths: bool = True) -> pd.DataFrame:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], [70, 20])
    images = pd.DataFrame(
        {"split": "train", "index": np.arange(90), "label": labels, "unit": np.arange(90) // 3}
    )
    if paths:
        images["path"] = [f"{number}.png" for number in range(90)]
    probabilities = random.dirichlet(np.ones(3), 90).astype(np.float32)
    probabilities[:, 2] = 0  # scikit-learn warns of a predicted class without images
    probabilities[np.arange(90), labels] += 0.5
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return prediction_table(images, np.arange(90) // 3 % 4, probabilities, CLASSES)


def test_a_row_has_all_of_an_image() -> None:
    found = table()
    named = [
        "split",
        "index",
        "path",
        "label",
        "class",
        "unit",
        "fold",
        "predicted",
        "p_cat",
        "p_dog",
        "p_bird",
    ]
    assert list(found) == named
    assert list(table(paths=False)) == [name for name in named if name != "path"]
    assert list(empty_table()) == [name for name in named if name != "path" and not name.startswith("p_")]
    assert found["class"].tolist() == ["cat"] * 70 + ["dog"] * 20
    assert set(found["fold"]) == {1, 2, 3, 4}
    assert (found["predicted"] == found[["p_cat", "p_dog", "p_bird"]].to_numpy().argmax(1)).all()


def test_the_figures_are_pooled_and_of_each_fold() -> None:
    found = table()
    report = figures(found, CLASSES)
    correct = (found["label"] == found["predicted"]).to_numpy()
    assert (report["folds"], report["images"], report["units"]) == (4, 90, 30)
    assert report["accuracy"] == pytest.approx(correct.mean())
    assert report["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(found["label"], found["predicted"])
    )
    of_folds = [group["label"].eq(group["predicted"]).mean() for _, group in found.groupby("fold")]
    assert [one["accuracy"] for one in report["each"]] == pytest.approx(of_folds)
    assert report["accuracy_mean"] == pytest.approx(np.mean(of_folds))
    assert report["accuracy_deviation"] == pytest.approx(np.std(of_folds, ddof=1))
    interval = unit_interval(correct, found["unit"].to_numpy())
    assert (report["accuracy_low"], report["accuracy_high"]) == interval
    assert report["balanced_accuracy_low"] < report["balanced_accuracy"] < report["balanced_accuracy_high"]
    assert [one["class"] for one in report["recalls"]] == ["cat", "dog"], "there is no bird"
    assert sum(one["images"] for one in report["recalls"]) == 90
    assert f"{report['accuracy']:.2%}" in summary(report)


def test_copies_widen_the_interval() -> None:
    found = table()
    alone = figures(found.assign(unit=range(90)), CLASSES)
    together = figures(found.assign(unit=found["predicted"] * 10 + found["fold"]), CLASSES)
    width = [report["accuracy_high"] - report["accuracy_low"] for report in (alone, together)]
    assert width[0] < width[1]
