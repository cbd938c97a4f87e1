"""Headline: accuracy and the other metrics, the classes, and the most confident misclassified images."""

from pathlib import Path
from typing import Any

import pandas as pd

from darkroom.evaluation.confusion import confusion_matrix, confusion_table
from darkroom.evaluation.headline import classification_metrics
from darkroom.evaluation.misclassified import worst_misclassified
from darkroom.evaluation.per_class import per_class_table
from darkroom.files import write_table
from darkroom.reporting.evaluation_report.inputs import Evaluation
from darkroom.reporting.figures.confusion import confusion_figure
from darkroom.reporting.figures.galleries import misclassified_figure
from darkroom.reporting.figures.per_class import per_class_figure


def report_headline(folder: Path, evaluation: Evaluation) -> dict[str, Any]:
    """Report the headline metrics, confusions, classes and misclassified images of the test set."""
    test, classes, settings = evaluation.test, evaluation.classes, evaluation.settings
    probabilities, labels = test.probabilities, test.split.labels
    write_table(folder / "confusion.csv", confusion_table(probabilities, labels, classes=classes))
    write_table(folder / "confusion_matrix.csv", confusion_matrix(probabilities, labels, classes=classes))
    confusion_figure(folder / "confusion.png", labels, test.predicted, classes)
    per_class = per_class_table(probabilities, labels, classes=classes)
    write_table(folder / "per_class.csv", per_class)
    per_class_figure(folder / "per_class.png", per_class)
    _report_misclassified(folder, evaluation)
    return classification_metrics(
        probabilities, labels, classes=classes, top_k=settings.top_k, resamples=settings.resamples
    )


def _report_misclassified(folder: Path, evaluation: Evaluation) -> None:
    test, classes = evaluation.test, evaluation.classes
    labels = test.split.labels
    worst = worst_misclassified(test.probabilities, labels, count=evaluation.settings.misclassified)
    table = pd.DataFrame(
        {
            "image": worst,
            "actual": [classes[label] for label in labels[worst]],
            "predicted": [classes[label] for label in test.predicted[worst]],
            "confidence": test.confidence[worst].astype(float),
        }
    )
    write_table(folder / "misclassified.csv", table)
    misclassified_figure(
        folder / "misclassified.png",
        test.split.images[worst],
        table["actual"].tolist(),
        table["predicted"].tolist(),
        table["confidence"].tolist(),
    )
