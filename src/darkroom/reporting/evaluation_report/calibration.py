"""Calibration: whether predictions are as confident as they are correct, and what "uncertain" leaves."""

from pathlib import Path
from typing import Any

from darkroom.evaluation.calibration import calibration_error, calibration_interval, reliability_table
from darkroom.evaluation.coverage import coverage_curve
from darkroom.evaluation.intervals import accuracy_with_interval
from darkroom.files import write_table
from darkroom.reporting.evaluation_report.inputs import Evaluation
from darkroom.reporting.figures.coverage import coverage_figure
from darkroom.reporting.figures.reliability import reliability_figure


def report_calibration(folder: Path, evaluation: Evaluation) -> dict[str, Any]:
    """Report the calibration error on the test set, and accuracy against coverage.

    The numbers are `error` with its interval, `error_before` (without the temperature), `temperature`,
    `held_out`, `fitted` and, where an image reaches the threshold, `confident`: their
    `accuracy_with_interval`, their `coverage`, the threshold `from`, and the `target` accuracy on the
    validation images.
    """
    confidence, correct = evaluation.test.confidence, evaluation.test.correct
    calibration = evaluation.calibration
    fitted, threshold = calibration["fitted"], calibration["confident_from"]
    error = calibration_error(confidence, correct)
    low, high = calibration_interval(confidence, correct, evaluation.settings.resamples)
    table = reliability_table(confidence, correct)
    write_table(folder / "reliability.csv", table)
    reliability_figure(
        folder / "reliability.png",
        table,
        error=error,
        temperature=calibration["temperature"] if fitted else None,
    )
    curve = coverage_curve(confidence, correct, threshold=threshold)
    write_table(folder / "coverage_test.csv", curve)
    coverage_figure(
        folder / "coverage.png",
        curve,
        threshold=threshold,
        confident_accuracy=calibration["confident_accuracy"] if fitted else None,
    )
    return {
        "temperature": calibration["temperature"],
        "held_out": calibration["held_out"],
        "fitted": fitted,
        "error": error,
        "error_low": low,
        "error_high": high,
        "error_before": calibration_error(evaluation.confidence_before, correct),
        **_confident(evaluation),
    }


def _confident(evaluation: Evaluation) -> dict[str, Any]:
    """Return the numbers of the confident predictions; nothing where there are none."""
    test, threshold = evaluation.test, evaluation.calibration["confident_from"]
    if threshold is None or not (test.confidence >= threshold).any():
        return {}
    confident = test.confidence >= threshold
    return {
        "confident": {
            "from": threshold,
            "target": evaluation.calibration["confident_accuracy"],
            "coverage": float(confident.mean()),
            **accuracy_with_interval(test.correct[confident]),
        }
    }
