"""The results on the test set: every headline metric, and each class."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from darkroom.reporting.markdown import percent, percent_interval, table, text
from darkroom.reporting.selection import in_words, worst_and_best

AVERAGES = {"macro": "every class alike", "weighted": "by its images"}
AVERAGED = ("precision", "recall", "f1")
PLACED = ("accuracy", "balanced_accuracy", "loss", "images")  # metrics with a row of their own


def results_table(metrics: Mapping[str, Any]) -> str:
    """Return a row a metric, and a table of what is averaged over the classes."""
    rows = [
        (
            "accuracy",
            f"{percent(metrics['accuracy'])} "
            f"({percent_interval(metrics['accuracy_low'], metrics['accuracy_high'])}, 95 % Wilson)",
        )
    ]
    if "balanced_accuracy" in metrics:
        interval = percent_interval(metrics["balanced_accuracy_low"], metrics["balanced_accuracy_high"])
        value = f"{percent(metrics['balanced_accuracy'])} ({interval}, 95 % bootstrap)"
        rows.append(("balanced accuracy (every class alike)", value))
    for name in metrics:
        if name.startswith("top_") and name.endswith("_accuracy"):
            interval = percent_interval(metrics[f"{name}_low"], metrics[f"{name}_high"])
            value = f"{percent(metrics[name])} ({interval}, 95 % Wilson)"
            rows.append((f"class among the first {name[4:-9]}", value))
    rows.append(("loss (cross-entropy)", _number(metrics, "loss", "95 % bootstrap")))
    rows += _other_metrics(metrics)
    rows.append(("images", f"{metrics['images']:,}"))
    averages = [
        [
            name,
            *(_percent_with_interval(metrics[average], key) for key in AVERAGED),
        ]
        for average, name in AVERAGES.items()
        if average in metrics
    ]
    results = table(("", "value"), rows)
    if averages:
        heads = ("average over the classes", "precision", "recall", "F1 (each 95 % bootstrap)")
        results += "\n\n" + table(heads, averages)
    return results


def cross_validation(folds: Mapping[str, Any]) -> str:
    """Return what was cross-validated, and a row a figure; `folds` is reports/folds.json."""
    rows = []
    for name, title in (("accuracy", "accuracy"), ("balanced_accuracy", "balanced accuracy")):
        interval = percent_interval(folds[f"{name}_low"], folds[f"{name}_high"])
        each = f"{percent(folds[f'{name}_mean'])}, {percent(folds[f'{name}_deviation'])}"
        rows.append((title, f"{percent(folds[name])} ({interval}, 95 % over units)", each))
    return (
        f"{folds['images']:,} training and validation images ({folds['units']:,} units: copies are one, and "
        f"so are images of one group), each predicted by one of {folds['folds']} nets that was trained like "
        "the model, but on the other folds:\n\n"
        + table(("", "value", "mean and standard deviation of the folds"), rows)
    )


def class_table(per_class: pd.DataFrame) -> str:
    """Return a row a class; of more than 100 classes the worst and the best that have images."""
    shown = worst_and_best(per_class, by="recall", images="support")
    rows = [
        (
            text(row["class"]),
            percent(row["precision"]),
            f"{percent(row['recall'])} ({percent_interval(row['recall_low'], row['recall_high'])})"
            if row["support"]
            else "no images",
            percent(row["f1"]),
            f"{row['support']:,}",
        )
        for row in shown.to_dict("records")
    ]
    listed = table(("class", "precision", "recall (95 % interval)", "F1", "images"), rows)
    if which := in_words(len(shown), len(per_class)):
        return f"Only {which} classes; all are in per_class.csv.\n\n{listed}"
    return listed


def _other_metrics(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield a row a metric that the tables have no place of its own for: what somebody added."""
    for name, value in metrics.items():
        known = name in AVERAGED if prefix else name in PLACED or name[:4] == "top_"
        if isinstance(value, Mapping):
            yield from _other_metrics(value, f"{prefix}{name}.")
        elif not known and not name.endswith(("_low", "_high")):
            yield text(f"{prefix}{name}".replace("_", " ")), _number(metrics, name, "95 % interval")


def _percent_with_interval(metrics: Mapping[str, Any], name: str) -> str:
    if f"{name}_low" not in metrics:
        return percent(metrics[name])
    interval = percent_interval(metrics[f"{name}_low"], metrics[f"{name}_high"])
    return f"{percent(metrics[name])} ({interval})"


def _number(metrics: Mapping[str, Any], name: str, interval: str) -> str:
    if f"{name}_low" not in metrics:
        return f"{metrics[name]:.4f}"
    low, high = metrics[f"{name}_low"], metrics[f"{name}_high"]
    return f"{metrics[name]:.4f} ({low:.4f} to {high:.4f}, {interval})"
