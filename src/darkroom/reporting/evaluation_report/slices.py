"""Slices: accuracy by class, brightness and confidence."""

from pathlib import Path

from darkroom.evaluation.slices import slices_table
from darkroom.files import write_table
from darkroom.reporting.evaluation_report.inputs import Evaluation
from darkroom.reporting.figures.slices import slices_figure


def report_slices(folder: Path, evaluation: Evaluation) -> None:
    """Report the accuracy of each slice of the test set."""
    test = evaluation.test
    table = slices_table(
        test.split, confidence=test.confidence, correct=test.correct, classes=evaluation.classes
    )
    write_table(folder / "slices.csv", table)
    slices_figure(folder / "slices.png", table)
