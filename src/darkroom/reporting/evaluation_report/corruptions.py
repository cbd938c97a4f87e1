"""Corruptions: accuracy on degraded test images."""

from pathlib import Path
from typing import Any

from darkroom.evaluation.corruptions.table import corruptions_table, sample_images
from darkroom.files import write_table
from darkroom.reporting.evaluation_report.inputs import Evaluation
from darkroom.reporting.figures.corruptions import corruptions_figure


def report_corruptions(folder: Path, evaluation: Evaluation) -> dict[str, Any]:
    """Report accuracy on a draw of the test images under each corruption, and as `clean` that without."""
    split = sample_images(evaluation.test.split, evaluation.settings.corruption_images, seed=evaluation.seed)
    table, report = corruptions_table(
        evaluation.predict, split, seed=evaluation.seed, resamples=evaluation.settings.resamples
    )
    clean = float((evaluation.predict(split).argmax(axis=1) == split.labels).mean())
    write_table(folder / "corruptions.csv", table)
    corruptions_figure(folder / "corruptions.png", table, clean=clean)
    return {**report, "clean": clean}
