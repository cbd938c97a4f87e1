"""Predictions as a table with a row an image."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from darkroom.prediction.flow import Classified
from darkroom.serving.prediction.model import Classifier

MOST_COLUMNS = 100  # classes up to which each has a column unless something else is wished


@dataclass(frozen=True)
class Layout:
    """Which columns a table of predictions has.

    Attributes:
        classes: of the model.
        confident_from: probability from which a prediction counts as confident; None: it is not known.
        top: how many of the most probable classes have columns of their own, at least 1.
        probabilities: whether each class has a column with its probability.
        thresholds: of several labels, the probability from which an image has each; None for one label.
        uncertain: of several labels, the probabilities between which the decision on each is uncertain, two
            each, NaN where the model has none.
    """

    classes: tuple[str, ...]
    confident_from: float | None
    top: int = 1
    probabilities: bool = True
    thresholds: tuple[float, ...] | None = None
    uncertain: tuple[tuple[float, float], ...] = ()

    def schema(self) -> pa.Schema:
        """Return the columns with their types."""
        fields: list[tuple[str, pa.DataType]] = [("path", pa.string())]
        if self.thresholds is not None:
            fields.append(("labels", pa.string()))
            fields += [(f"has_{name}", pa.bool_()) for name in self.classes]
            if self.probabilities:
                fields += [(f"p_{name}", pa.float32()) for name in self.classes]
            fields += [("unsure", pa.bool_()), ("unsure_labels", pa.string())]
            return pa.schema([*fields, ("reason", pa.string())])
        fields += [("prediction", pa.string()), ("probability", pa.float32()), ("unsure", pa.bool_())]
        for rank in range(2, self.top + 1):
            fields += [(f"prediction_{rank}", pa.string()), (f"probability_{rank}", pa.float32())]
        if self.probabilities:
            fields += [(f"p_{name}", pa.float32()) for name in self.classes]
        return pa.schema([*fields, ("reason", pa.string())])


def layout_of(classifier: Classifier, *, top: int = 1, probabilities: bool | None = None) -> Layout:
    """Return the columns for a model; by default a column a class up to `MOST_COLUMNS` classes.

    Raises ValueError for a `top` that is less than 1; more than there are classes is all of them.
    """
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise ValueError(f"top is {top!r}; needed: how many classes to name for each image, 1 or more")
    classes = tuple(classifier.classes)
    wanted = len(classes) <= MOST_COLUMNS if probabilities is None else bool(probabilities)
    thresholds = None if classifier.thresholds is None else tuple(classifier.thresholds.tolist())
    bounds = (
        ()
        if classifier.uncertain is None
        else tuple((low, high) for low, high in classifier.uncertain.tolist())
    )
    return Layout(classes, classifier.confident_from, min(top, len(classes)), wanted, thresholds, bounds)


def table(parts: Sequence[Classified], layout: Layout) -> pd.DataFrame:
    """Return predictions as a table.

    Columns: `path`; `prediction`, the most probable class; its `probability`; `unsure`, whether that is less
    than the model's threshold (missing where the model has none); `prediction_2`, `probability_2` and so on
    up to `top`; `p_<class>` for each class; `reason`, why an image could not be used. A row with a reason has
    nothing else but its path. Of several labels: `path`; `labels`, those that the image has, as a JSON list;
    `has_<label>` and `p_<label>` for each label; `unsure`, whether the decision on any label is uncertain;
    `unsure_labels`, those labels as a JSON list; `reason`. Both are missing where the model has no bounds.
    """
    classes = np.asarray([*layout.classes], dtype=object)
    values: NDArray[np.float32] = (
        np.concatenate([part.probabilities for part in parts])
        if parts
        else np.empty((0, len(classes)), np.float32)
    )
    reasons = [reason for part in parts for reason in part.reasons]
    bad = np.asarray([bool(reason) for reason in reasons], dtype=bool)
    if layout.thresholds is not None:
        return _sets(parts, values, bad, reasons, layout)
    order = np.argsort(-values, axis=1, kind="stable")[:, : layout.top]  # as the service orders them
    columns: dict[str, object] = {
        "path": pd.array([item.path or None for part in parts for item in part.items], dtype="string")
    }
    for rank in range(layout.top):
        end = f"_{rank + 1}" if rank else ""
        predicted = classes[order[:, rank]].astype(object)
        predicted[bad] = None
        columns[f"prediction{end}"] = pd.array(predicted, dtype="string")
        columns[f"probability{end}"] = np.take_along_axis(values, order[:, rank : rank + 1], 1)[:, 0]
        if not rank:
            columns["unsure"] = _unsure(columns["probability"], bad, layout.confident_from)
    frame = pd.DataFrame(columns)
    if layout.probabilities:
        each = pd.DataFrame(values, columns=[f"p_{name}" for name in layout.classes])
        frame = pd.concat([frame, each], axis=1)
    frame["reason"] = pd.array([reason or None for reason in reasons], dtype="string")
    return frame


def _sets(
    parts: Sequence[Classified],
    values: NDArray[np.float32],
    bad: NDArray[np.bool_],
    reasons: Sequence[str],
    layout: Layout,
) -> pd.DataFrame:
    """Return predictions of several labels as a table."""
    has = values >= np.array(layout.thresholds)  # in float64, as the service compares
    names = [None if unusable else _names(row, layout) for row, unusable in zip(has, bad, strict=True)]
    columns: dict[str, object] = {
        "path": pd.array([item.path or None for part in parts for item in part.items], dtype="string"),
        "labels": pd.array(names, dtype="string"),
    }
    for number, name in enumerate(layout.classes):
        decisions = pd.array(has[:, number], dtype="boolean")
        decisions[bad] = pd.NA
        columns[f"has_{name}"] = decisions
    if layout.probabilities:
        columns |= {f"p_{name}": values[:, number] for number, name in enumerate(layout.classes)}
    columns["unsure"], columns["unsure_labels"] = _unsure_sets(values, bad, layout)
    columns["reason"] = pd.array([reason or None for reason in reasons], dtype="string")
    return pd.DataFrame(columns)


def _unsure_sets(
    values: NDArray[np.float32], bad: NDArray[np.bool_], layout: Layout
) -> tuple[object, object]:
    """Return whether the decision on any label is uncertain, and on which."""
    bounds = np.array(layout.uncertain, dtype=np.float64).reshape(-1, 2)
    if not len(bounds) or np.isnan(bounds).all():
        nothing = [None] * len(bad)
        return pd.array(nothing, dtype="boolean"), pd.array(nothing, dtype="string")
    # in float64, as the service compares
    doubts: NDArray[np.bool_] = (values > bounds[:, 0]) & (values < bounds[:, 1])
    any_label: NDArray[np.bool_] = np.any(doubts, axis=1)
    unsure = pd.array(any_label, dtype="boolean")
    unsure[bad] = pd.NA
    names = [None if unusable else _names(row, layout) for row, unusable in zip(doubts, bad, strict=True)]
    return unsure, pd.array(names, dtype="string")


def _names(row: NDArray[np.bool_], layout: Layout) -> str:
    """Return the labels that a row says yes to, as a JSON list."""
    return json.dumps([layout.classes[place] for place in np.flatnonzero(row)], ensure_ascii=False)


def _unsure(probabilities: object, bad: NDArray[np.bool_], confident_from: float | None) -> object:
    if confident_from is None:
        return pd.array([None] * len(bad), dtype="boolean")
    # in float64, as the service compares
    unsure = pd.array(np.asarray(probabilities, dtype=np.float64) < confident_from, dtype="boolean")
    unsure[bad] = pd.NA
    return unsure
