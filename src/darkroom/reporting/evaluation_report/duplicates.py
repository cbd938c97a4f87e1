"""Near-duplicates: test images that resemble a training or validation image, and accuracy without them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom.data.duplicates import near_duplicates
from darkroom.data.splits import Split
from darkroom.evaluation.intervals import accuracy_with_interval
from darkroom.files import write_table
from darkroom.reporting.evaluation_report.images import stacked
from darkroom.reporting.evaluation_report.inputs import Evaluation
from darkroom.reporting.figures.galleries import pairs_figure


def report_duplicates(folder: Path, evaluation: Evaluation) -> dict[str, Any]:
    """Report how many test images with a near-duplicate are `found`, and the accuracy `without` them."""
    test, compared, settings = evaluation.test.split, evaluation.compared, evaluation.settings
    pairs = near_duplicates(
        test.images,
        {name: split.images for name, split in compared.items()},
        similarity=settings.duplicate_similarity,
        mirror=evaluation.mirror,
    )
    pairs["class"] = [evaluation.classes[label] for label in test.labels[pairs["test_index"].to_numpy()]]
    pairs["other_class"] = [
        evaluation.classes[compared[name].labels[index]]
        for name, index in zip(pairs["split"], pairs["index"], strict=True)
    ]
    write_table(folder / "duplicates.csv", pairs)
    _draw(folder / "duplicates.png", pairs.head(settings.misclassified), test, compared)

    alone = np.ones(len(test), dtype=bool)
    alone[pairs["test_index"].to_numpy()] = False
    report: dict[str, Any] = {"found": len(pairs)}
    if alone.any():
        report["without"] = accuracy_with_interval(evaluation.test.correct[alone])
    return report


def _draw(path: Path, pairs: pd.DataFrame, test: Split, compared: Mapping[str, Split]) -> None:
    others = [
        compared[name].images[index] for name, index in zip(pairs["split"], pairs["index"], strict=True)
    ]
    captions = [
        (f"{similarity:.3f} alike", own if own == other else f"{own} and {other}")
        for similarity, own, other in zip(
            pairs["similarity"], pairs["class"], pairs["other_class"], strict=True
        )
    ]
    pairs_figure(
        path,
        test.images[pairs["test_index"].to_numpy()],
        stacked(others, like=test.images),
        captions,
        title="test images (left of each pair) and the training images they resemble most",
        none="No test image resembles a training image.",
    )
