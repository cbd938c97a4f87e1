"""Label issues: labels that are probably wrong, of images that were not trained on."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from darkroom.evaluation.label_issues import label_issues
from darkroom.files import write_table
from darkroom.reporting.evaluation_report.images import stacked
from darkroom.reporting.evaluation_report.inputs import Evaluation, Predictions
from darkroom.reporting.figures.galleries import gallery_figure


def report_label_issues(folder: Path, evaluation: Evaluation) -> dict[str, int]:
    """Report the labels that are probably wrong; return how many of `test` and of `validation`."""
    parts = {"test": evaluation.test}
    if evaluation.validation is not None:
        parts["validation"] = evaluation.validation
    found = pd.concat(
        [
            label_issues(part.probabilities, part.split.labels, classes=evaluation.classes).assign(split=name)
            for name, part in parts.items()
        ]
    ).sort_values("margin", kind="stable")
    write_table(folder / "label_issues.csv", found)
    _draw(folder / "label_issues.png", found.head(evaluation.settings.misclassified), parts)
    return {name: int((found["split"] == name).sum()) for name in parts}


def _draw(path: Path, issues: pd.DataFrame, parts: Mapping[str, Predictions]) -> None:
    images = [
        parts[name].split.images[index] for name, index in zip(issues["split"], issues["index"], strict=True)
    ]
    captions = [
        (f"{suggested}? ({probability:.0%})".replace("%", " %"), f"labelled {label}")
        for suggested, probability, label in zip(
            issues["suggested"], issues["suggested_probability"], issues["label"], strict=True
        )
    ]
    gallery_figure(
        path,
        stacked(images, like=parts["test"].split.images),
        captions,
        title="labels to check: what the model suggests (its confidence), and the label",
        none="No label looks wrong.",
    )
