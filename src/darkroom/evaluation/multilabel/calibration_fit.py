"""What is fitted after training with several labels, on validation images: calibration and thresholds."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from darkroom.evaluation.calibration_fit import FEWEST_IMAGES, CalibrationFit
from darkroom.evaluation.coverage import coverage_curve
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.evaluation.multilabel.calibration import fit_label_calibration, label_calibration_error
from darkroom.evaluation.multilabel.per_image import exact
from darkroom.evaluation.multilabel.precision_recall_f1 import mean_figures
from darkroom.evaluation.multilabel.thresholds import HALF, Rule, decide, fit_thresholds
from darkroom.evaluation.multilabel.uncertain import Bounds, bounds_array, uncertain, uncertain_bounds

# Calibrated logits float [N,L] and labels int8 [N,L] to joint probabilities float32 [N,L] of images outside
# each fit, and what models/calibration.json holds of the structure over labels.
FitJoint = Callable[[NDArray[np.floating], NDArray[np.int8]], tuple[NDArray[np.float32], dict[str, Any]]]


def calibrated(logits: NDArray[np.floating], calibration: dict[str, Any]) -> NDArray[np.float32]:
    """Return the probabilities float32 [N,L] of logits [N,L] with `slope` and `offset` of each label.

    >>> calibrated(np.zeros((1, 2)), {"slope": [1, 1], "offset": [0, 1]}).round(2).tolist()
    [[0.5, 0.7300000190734863]]
    """
    slope, offset = np.asarray(calibration["slope"]), np.asarray(calibration["offset"])
    return np.asarray(expit(logits * slope + offset), dtype=np.float32)


def fit_label_sets(
    logits: NDArray[np.float32],
    labels: NDArray[np.int8],
    *,
    rule: Rule,
    confident_accuracy: float,
    fit_joint: FitJoint | None = None,
) -> CalibrationFit:
    """Fit slope, offset and threshold of each label to validation images, and measure them on these.

    `models/calibration.json` then holds `slope`, `offset`, `thresholds` and `uncertain`, a list each, beside
    the keys that one label has. With fewer than `FEWEST_IMAGES` images nothing is fitted.

    Args:
        logits: float [N,L], of images that the model was not trained on.
        labels: int8 [N,L]: 1, 0, or -1 for unknown.
        rule: as `fit_thresholds` has it.
        confident_accuracy: the share of decisions outside a label's `uncertain` bounds that are right; there
            is no threshold of confidence for whole sets.
        fit_joint: fits a structure over labels, after the calibration. Thresholds and figures are then of the
            probabilities that it has for images outside its fits, and `structure` is kept too.
    """
    enough = len(labels) >= FEWEST_IMAGES
    slope, offset = np.ones(labels.shape[1]), np.zeros(labels.shape[1])
    thresholds = np.full(labels.shape[1], HALF)
    before = calibrated(logits, {"slope": slope, "offset": offset})
    if enough:
        slope, offset = fit_label_calibration(logits, labels)
    probabilities = calibrated(logits, {"slope": slope, "offset": offset})
    structure: dict[str, Any] = {}
    if fit_joint is not None:
        probabilities, described = fit_joint(logits * slope + offset, labels)
        structure = {"structure": described}
    bounds: Bounds = [None] * labels.shape[1]
    if enough:
        thresholds = fit_thresholds(probabilities, labels, rule=rule)
        bounds = uncertain_bounds(probabilities, labels, thresholds, accuracy=confident_accuracy)
    decisions = decide(probabilities, thresholds)
    figures = mean_figures(decisions, labels)
    report = {
        "images": len(labels),
        "calibration_error_before": label_calibration_error(before, labels),
        "calibration_error": label_calibration_error(probabilities, labels),
        "average_precision": mean_average_precision(probabilities, labels),
        "macro_f1": figures["macro_f1"],
        "of1": figures["of1"],
        "accuracy": float(exact(decisions, labels).mean()),
    }
    fitted = {
        "slope": slope.tolist(),
        "offset": offset.tolist(),
        "thresholds": thresholds.tolist(),
        "uncertain": bounds,
        "rule": rule,
        "confident_from": None,
        "confident_accuracy": confident_accuracy,
        "held_out": True,
        "fitted": enough,
        **structure,
    }
    known = labels >= 0
    report["uncertain_decisions"] = float(uncertain(probabilities, bounds_array(bounds))[known].mean())
    curve = coverage_curve(set_confidence(probabilities, decisions), exact(decisions, labels), threshold=None)
    return CalibrationFit(fitted, report, curve)


def set_confidence(probabilities: NDArray[np.floating], decisions: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how probable each image's whole set is if its labels were independent, float32 [N].

    >>> set_confidence(np.array([[0.9, 0.2]]), np.array([[True, False]])).round(2).tolist()
    [0.7200000286102295]
    """
    each = np.where(decisions, probabilities, 1 - probabilities)
    return np.asarray(each.prod(axis=1), dtype=np.float32)


def summary(calibration: CalibrationFit) -> str:
    """Return the calibration of several labels in one line."""
    fitted, report = calibration.fitted, calibration.report
    if not fitted["fitted"]:
        return (
            f"{report['images']:,} validation images are too few to fit labels' thresholds on, which takes "
            f"{FEWEST_IMAGES}; each is 0.5"
        )
    low, high = min(fitted["thresholds"]), max(fitted["thresholds"])
    return (
        f"calibration error {report['calibration_error_before']:.2%} before, "
        f"{report['calibration_error']:.2%} "
        f"after; thresholds {low:.2f} to {high:.2f} ({fitted['rule']}): macro F1 {report['macro_f1']:.2%}, "
        "micro "
        f"F1 {report['of1']:.2%}, exact match {report['accuracy']:.2%} on {report['images']:,} validation "
        f"images; {report['uncertain_decisions']:.1%} of the decisions are uncertain"
    )
