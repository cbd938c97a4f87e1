"""Figures of a cross-validation, from predictions of every image by a net that was not trained on it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.evaluation.unit_intervals import unit_interval

OFF: dict[str, Any] = {"folds": 0}  # what reports/folds.json states without a cross-validation
COLUMNS = ["split", "index", "label", "class", "unit", "fold", "predicted"]


def prediction_table(
    images: pd.DataFrame, folds: NDArray[np.int64], probabilities: NDArray[np.float32], classes: Sequence[str]
) -> pd.DataFrame:
    """Return a row an image, with the out-of-fold prediction.

    Args:
        images: a row an image: `split`, `index` in it, `label` (its class's number), `unit`, and `path` of
            images of one's own.
        folds: of each image, int64 [N], from 0.
        probabilities: float32 [N,K], by the net that was trained on the other folds; not calibrated.
        classes: the K names.

    Returns:
        The columns of `images`, `class` (the label's name), `fold` (from 1), `predicted` (a class's number)
        and `p_<class>`, its probability.
    """
    columns = [name for name in [*COLUMNS[:2], "path", *COLUMNS[2:]] if name in images or name in COLUMNS]
    table = images.assign(
        **{"class": [classes[label] for label in images["label"]]},
        fold=folds + 1,
        predicted=probabilities.argmax(axis=1),
    )[columns]
    chances = pd.DataFrame(probabilities, columns=pd.Index([f"p_{name}" for name in classes]))
    return pd.concat([table.reset_index(drop=True), chances], axis=1)


def empty_table() -> pd.DataFrame:
    """Return the table without a row, and without the columns of the classes."""
    kinds = {name: str if name in ("split", "class") else np.int64 for name in COLUMNS}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def figures(table: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Return what reports/folds.json states of a table that `prediction_table` made.

    The intervals are `unit_interval`'s, over the units of all folds. They say how much the figures would
    differ for other images of the same kind, as many of them and nets trained alike. Nets of different folds
    share most of their training images, so that the variance has no estimate without a bias (Bengio and
    Grandvalet 2004, Journal of Machine Learning Research 5): how much other training images would change the
    nets is in the intervals only as far as it shows in which images are wrong, and they cover a little less
    than they say (docs/training.md). The deviation between folds is their spread,
    and no standard error.

    Returns:
        `folds`, `images`, `units`; `accuracy` and `balanced_accuracy` with `_low` and `_high` (95 %),
        `_mean` and `_deviation` over the folds; and two lists: `each` of the folds' figures, and `recalls` of
        the classes that have images. A balanced accuracy is over the classes that have images there.

    >>> table = pd.DataFrame({"label": [0, 1] * 4, "predicted": [0, 1, 0, 0] * 2})
    >>> table = table.assign(fold=[1] * 4 + [2] * 4, unit=range(8))
    >>> numbers = figures(table, ["cat", "dog"])
    >>> numbers["accuracy"], numbers["accuracy_mean"], numbers["recalls"][1]["recall"]
    (0.75, 0.75, 0.5)
    """
    labels, units = (table[name].to_numpy(dtype=np.int64) for name in ("label", "unit"))
    correct = labels == table["predicted"].to_numpy(dtype=np.int64)
    fold = table["fold"].to_numpy(dtype=np.int64)
    each = []
    for number in np.unique(fold):
        rows = fold == number
        counted = {"fold": int(number), "images": int(rows.sum())}
        each.append({**counted, **_accuracies(correct[rows], labels[rows])})
    report: dict[str, Any] = {"folds": len(each), "images": len(table), "units": len(np.unique(units))}
    for name, strata in (("accuracy", None), ("balanced_accuracy", labels)):
        of_folds = [one[name] for one in each]
        report[name] = _accuracies(correct, labels)[name]
        report[f"{name}_low"], report[f"{name}_high"] = unit_interval(correct, units, strata=strata)
        report[f"{name}_mean"] = float(np.mean(of_folds))
        report[f"{name}_deviation"] = float(np.std(of_folds, ddof=1))
    report["each"] = each
    report["recalls"] = []
    for label in np.unique(labels):
        rows = labels == label
        low, high = unit_interval(correct[rows], units[rows])
        counted = {"class": classes[label], "images": int(rows.sum())}
        recall = {"recall": float(correct[rows].mean()), "recall_low": low, "recall_high": high}
        report["recalls"].append({**counted, **recall})
    return report


def summary(report: dict[str, Any]) -> str:
    """Return a line on what `figures` returned."""
    low, high = report["accuracy_low"], report["accuracy_high"]
    return (
        f"cross-validated accuracy {report['accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%}), "
        f"balanced {report['balanced_accuracy']:.2%}: {report['folds']} folds, {report['images']:,} images "
        f"in {report['units']:,} units"
    )


def _accuracies(correct: NDArray[np.bool_], labels: NDArray[np.int64]) -> dict[str, float]:
    counts = np.bincount(labels)
    hits = np.bincount(labels, weights=correct)
    balanced = (hits[counts > 0] / counts[counts > 0]).mean()
    return {"accuracy": float(correct.mean()), "balanced_accuracy": float(balanced)}
