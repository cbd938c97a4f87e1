"""The whole report: every part in turn, and its one-line summary."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom.files import atomic_write, write_json
from darkroom.reporting.evaluation_report.calibration import report_calibration
from darkroom.reporting.evaluation_report.corruptions import report_corruptions
from darkroom.reporting.evaluation_report.duplicates import report_duplicates
from darkroom.reporting.evaluation_report.headline import report_headline
from darkroom.reporting.evaluation_report.inputs import Evaluation, Predictions
from darkroom.reporting.evaluation_report.label_issues import report_label_issues
from darkroom.reporting.evaluation_report.slices import report_slices
from darkroom.reporting.figures.learning_curve import learning_curve_figure

# Each writes its tables and figures into a folder and returns its branch of metrics.json.
PARTS: dict[str, Callable[[Path, Evaluation], dict[str, Any]]] = {
    "test": report_headline,
    "calibration": report_calibration,
    "duplicates": report_duplicates,
    "label_issues": report_label_issues,
    "corrupted": report_corruptions,
}


def write_report(folder: Path, evaluation: Evaluation) -> dict[str, Any]:
    """Write all tables and figures, predictions.parquet and metrics.json; return the metrics as a tree."""
    learning_curve_figure(folder / "curve.png", evaluation.curve, evaluation.best_epoch)
    report_slices(folder, evaluation)
    metrics = {name: report(folder, evaluation) for name, report in PARTS.items()}
    with atomic_write(folder / "predictions.parquet") as file:
        predictions_table(evaluation.test, evaluation.classes).to_parquet(file, index=False)
    write_json(folder / "metrics.json", metrics)
    return metrics


def predictions_table(predictions: Predictions, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return a row an image: `label` and `predicted` (class numbers), and `p_<class>`, its probability."""
    columns = {f"p_{name}": predictions.probabilities[:, number] for number, name in enumerate(classes)}
    return pd.DataFrame({"label": predictions.split.labels, "predicted": predictions.predicted, **columns})


def summary(metrics: Mapping[str, Any]) -> str:
    """Return the headline numbers of `write_report` in one line."""
    test, calibration, corrupted = metrics["test"], metrics["calibration"], metrics["corrupted"]
    return (
        f"test accuracy {test['accuracy']:.2%} "
        f"(95 % interval {test['accuracy_low']:.2%} to {test['accuracy_high']:.2%}) "
        f"on {test['images']:,} images, balanced {test['balanced_accuracy']:.2%}; "
        f"calibration error {calibration['error']:.2%}; "
        f"corrupted {corrupted['accuracy']:.2%}; {metrics['duplicates']['found']:,} near-duplicates of "
        "training images"
    )
