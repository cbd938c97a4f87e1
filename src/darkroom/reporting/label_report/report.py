"""The whole report of several labels, and its one-line summary."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.duplicates import near_duplicates
from darkroom.data.label_sets import set_of_row
from darkroom.evaluation.calibration import reliability_table
from darkroom.evaluation.corruptions.table import sample_images
from darkroom.evaluation.coverage import coverage_curve
from darkroom.evaluation.multilabel.calibration import label_calibration_error
from darkroom.evaluation.multilabel.calibration_fit import set_confidence
from darkroom.evaluation.multilabel.corruptions import label_corruptions_table
from darkroom.evaluation.multilabel.headline import headline
from darkroom.evaluation.multilabel.label_issues import issues_of_sets
from darkroom.evaluation.multilabel.per_image import exact, image_figures
from darkroom.evaluation.multilabel.per_label import per_label_table
from darkroom.evaluation.multilabel.precision_recall import precision_recall_curves
from darkroom.evaluation.multilabel.slices import label_slices_table
from darkroom.files import atomic_write, write_json, write_table
from darkroom.reporting.evaluation_report.images import stacked
from darkroom.reporting.figures.co_occurrence import co_occurrence_figure
from darkroom.reporting.figures.corruptions import corruptions_figure
from darkroom.reporting.figures.coverage import coverage_figure
from darkroom.reporting.figures.galleries import gallery_figure, pairs_figure
from darkroom.reporting.figures.learning_curve import learning_curve_figure
from darkroom.reporting.figures.per_class import per_class_figure
from darkroom.reporting.figures.reliability import reliability_figure
from darkroom.reporting.figures.slices import slices_figure
from darkroom.reporting.label_report.inputs import LabelEvaluation

# A table of the report of one label that has no counterpart: its columns.
NO_TABLES = {"confusion.csv": ("actual", "predicted")}


def write_label_report(folder: Path, evaluation: LabelEvaluation) -> dict[str, Any]:
    """Write all tables and figures, predictions.parquet and metrics.json; return the metrics as a tree."""
    for name, columns in NO_TABLES.items():
        write_table(folder / name, pd.DataFrame(columns=list(columns)))
    learning_curve_figure(folder / "curve.png", evaluation.curve, evaluation.best_epoch)
    metrics = {
        "test": _headline(folder, evaluation),
        "calibration": _calibration(folder, evaluation),
        "duplicates": _duplicates(folder, evaluation),
        "label_issues": _label_issues(folder, evaluation),
        "corrupted": _corruptions(folder, evaluation),
    }
    _misclassified(folder, evaluation)
    _slices(folder, evaluation)
    together = co_occurrence(evaluation.decisions, evaluation.test.labels, evaluation.classes)
    write_table(folder / "confusion_matrix.csv", together)
    co_occurrence_figure(
        folder / "confusion.png", evaluation.decisions, evaluation.test.labels, evaluation.classes
    )
    with atomic_write(folder / "predictions.parquet") as file:
        predictions_table(evaluation).to_parquet(file, index=False)
    write_json(folder / "metrics.json", metrics)
    return metrics


def predictions_table(evaluation: LabelEvaluation) -> pd.DataFrame:
    """Return a row an image: for each label `y_<class>` (1, 0, -1 unknown), `p_<class>` and `d_<class>`."""
    columns: dict[str, Any] = {}
    for number, name in enumerate(evaluation.classes):
        columns[f"y_{name}"] = evaluation.test.labels[:, number]
        columns[f"p_{name}"] = evaluation.probabilities[:, number]
        columns[f"d_{name}"] = evaluation.decisions[:, number]
    return pd.DataFrame(columns)


def co_occurrence(
    decisions: NDArray[np.bool_], labels: NDArray[np.int8], classes: tuple[str, ...]
) -> pd.DataFrame:
    """Return a row for each ordered pair of labels that a test image has together, or is given together.

    Columns: `class`, `other`, `actual` (images that have both), `predicted` (that are given both), `missed`
    (that have both, and are given `class` without `other`) and `wrong` (that are given both, and have `class`
    without `other`).
    """
    yes, no, given = labels == 1, labels == 0, decisions
    rows = []
    for one, name in enumerate(classes):
        for other, second in enumerate(classes):
            both, together = yes[:, one] & yes[:, other], given[:, one] & given[:, other]
            if one == other or not (both.any() or together.any()):
                continue
            missed = both & given[:, one] & ~given[:, other]
            wrong = together & yes[:, one] & no[:, other]
            rows.append((name, second, *(int(part.sum()) for part in (both, together, missed, wrong))))
    return pd.DataFrame(rows, columns=["class", "other", "actual", "predicted", "missed", "wrong"])


def summary(metrics: Mapping[str, Any]) -> str:
    """Return the headline figures of `write_label_report` in one line."""
    test = metrics["test"]
    return (
        f"test mAP {test['average_precision']:.2%} (95 % interval {test['average_precision_low']:.2%} to "
        f"{test['average_precision_high']:.2%}) on {test['images']:,} images, macro F1 "
        f"{test['macro_f1']:.2%}, "
        f"micro F1 {test['of1']:.2%}, per-image F1 {test['image_f1']:.2%}, exact match "
        f"{test['accuracy']:.2%}, "
        f"Hamming loss {test['hamming_loss']:.2%}; calibration error {metrics['calibration']['error']:.2%}; "
        f"{metrics['duplicates']['found']:,} near-duplicates of training images"
    )


def _headline(folder: Path, evaluation: LabelEvaluation) -> dict[str, Any]:
    probabilities, decisions, labels = evaluation.probabilities, evaluation.decisions, evaluation.test.labels
    table = per_label_table(
        probabilities,
        decisions,
        labels,
        classes=evaluation.classes,
        thresholds=evaluation.calibration["thresholds"],
    )
    write_table(folder / "per_class.csv", table)
    curves = precision_recall_curves(probabilities, labels, evaluation.classes)
    per_class_figure(folder / "per_class.png", table, curves)
    settings = evaluation.settings
    return headline(probabilities, decisions, labels, resamples=settings.resamples, seed=evaluation.seed)


def _calibration(folder: Path, evaluation: LabelEvaluation) -> dict[str, Any]:
    labels = evaluation.test.labels
    known = labels >= 0
    error = label_calibration_error(evaluation.probabilities, labels)
    table = reliability_table(evaluation.probabilities[known], labels[known] == 1)
    write_table(folder / "reliability.csv", table)
    reliability_figure(folder / "reliability.png", table, error=error, temperature=None)
    confidence = set_confidence(evaluation.probabilities, evaluation.decisions)
    curve = coverage_curve(confidence, exact(evaluation.decisions, labels), threshold=None)
    write_table(folder / "coverage_test.csv", curve)
    coverage_figure(folder / "coverage.png", curve, threshold=None, confident_accuracy=None)
    return {
        "held_out": evaluation.calibration["held_out"],
        "fitted": evaluation.calibration["fitted"],
        "error": error,
        "error_before": label_calibration_error(evaluation.before, labels),
    }


def _duplicates(folder: Path, evaluation: LabelEvaluation) -> dict[str, Any]:
    test, compared = evaluation.test, evaluation.compared
    pairs = near_duplicates(
        test.images,
        {name: split.images for name, split in compared.items()},
        similarity=evaluation.settings.duplicate_similarity,
        mirror=evaluation.mirror,
    )
    others = list(zip(pairs["split"], pairs["index"], strict=True))
    pairs["class"] = [names(test.labels[place], evaluation.classes) for place in pairs["test_index"]]
    pairs["other_class"] = [names(compared[part].labels[place], evaluation.classes) for part, place in others]
    write_table(folder / "duplicates.csv", pairs)
    shown = pairs.head(evaluation.settings.misclassified)
    pairs_figure(
        folder / "duplicates.png",
        test.images[shown["test_index"].to_numpy()],
        stacked([compared[part].images[place] for part, place in others[: len(shown)]], like=test.images),
        [
            (f"{row.similarity:.3f} alike", "the same labels" if row[-2] == row[-1] else "other labels")
            for row in shown.itertuples(index=False)
        ],
        title="test images (left of each pair) and the training images they resemble most",
        none="No test image resembles a training image.",
    )
    return {"found": len(pairs)}


def _label_issues(folder: Path, evaluation: LabelEvaluation) -> dict[str, int]:
    found = issues_of_sets(evaluation.probabilities, evaluation.test.labels, classes=evaluation.classes)
    found = found.assign(split="test")
    write_table(folder / "label_issues.csv", found)
    shown = found.head(evaluation.settings.misclassified)
    captions = [
        (f"{name}? ({p:.0%})".replace("%", " %"), "labelled with it" if given == "yes" else "not labelled")
        for name, p, given in zip(shown["class"], shown["probability"], shown["given"], strict=True)
    ]
    gallery_figure(
        folder / "label_issues.png",
        stacked([evaluation.test.images[place] for place in shown["index"]], like=evaluation.test.images),
        captions,
        title="labels to check: the label and its probability, and whether it is given",
        none="No label looks wrong.",
    )
    return {"test": len(found)}


def _slices(folder: Path, evaluation: LabelEvaluation) -> None:
    table = label_slices_table(
        evaluation.test,
        probabilities=evaluation.probabilities,
        decisions=evaluation.decisions,
        classes=evaluation.classes,
    )
    write_table(folder / "slices.csv", table)
    slices_figure(folder / "slices.png", table)


def _corruptions(folder: Path, evaluation: LabelEvaluation) -> dict[str, Any]:
    settings = evaluation.settings
    split = sample_images(evaluation.test, settings.corruption_images, seed=evaluation.seed)
    table, report = label_corruptions_table(
        evaluation.predict, split, seed=evaluation.seed, resamples=settings.resamples
    )
    write_table(folder / "corruptions.csv", table)
    ends = ("", "_low", "_high")
    drawn = table.rename(columns={f"average_precision{end}": f"accuracy{end}" for end in ends})
    corruptions_figure(folder / "corruptions.png", drawn, clean=report["clean"], measure="mAP")
    return report


def _misclassified(folder: Path, evaluation: LabelEvaluation) -> None:
    """Report the images whose sets are most wrong by their Hamming loss, the most confident first."""
    test, classes = evaluation.test, evaluation.classes
    hamming = image_figures(evaluation.decisions, test.labels)["hamming"]
    confidence = set_confidence(evaluation.probabilities, evaluation.decisions)
    order = np.lexsort((-confidence, -hamming))[: evaluation.settings.misclassified]
    order = order[hamming[order] > 0]
    missed = [names((test.labels[n] == 1) & ~evaluation.decisions[n], classes) for n in order]
    wrong = [names((test.labels[n] == 0) & evaluation.decisions[n], classes) for n in order]
    table = pd.DataFrame(
        {"image": order, "missed": missed, "wrong": wrong, "hamming_loss": hamming[order].astype(float)}
    )
    write_table(folder / "misclassified.csv", table)
    gallery_figure(
        folder / "misclassified.png",
        test.images[order],
        [
            (f"not: {one}" if one else "", f"missed: {other}" if other else "")
            for one, other in zip(wrong, missed, strict=True)
        ],
        title="images with the most wrong labels: those given wrongly, and those missed",
        none="All labels of all images are right.",
    )


def names(row: NDArray[Any], classes: tuple[str, ...]) -> str:
    """Return the labels that a row, [L], says yes to, as text.

    >>> names(np.array([1, 0, 1]), ("a", "b", "c"))
    'a, c'
    """
    return ", ".join(sorted(set_of_row(np.asarray(row, dtype=np.int8), classes).yes))
