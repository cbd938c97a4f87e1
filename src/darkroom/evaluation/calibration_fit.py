"""What is fitted after training, on images the model did not train on: temperature and threshold."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.evaluation.calibration import calibration_error, fit_temperature, scale
from darkroom.evaluation.coverage import confidence_threshold, coverage_curve

# On fewer images chance moves the fitted temperature so far that, even of a model whose logits are 1.5 times
# too large, the cross-entropy on new images is higher than at the temperature 1 (two classes; a test measures
# it).
FEWEST_IMAGES = 30


@dataclass(frozen=True)
class CalibrationFit:
    """A fitted calibration.

    Attributes:
        fitted: what models/calibration.json holds: `temperature`, `confident_from` (the least confidence
            of a confident prediction, or None), `confident_accuracy`, `held_out`, and `fitted`: whether
            temperature and threshold were fitted.
        report: what reports/calibration.json holds: `temperature`, `images`, and where they were fitted
            `calibration_error_before`, `calibration_error`, `confident_from` and `confident_coverage`.
        curve: as `coverage_curve`, without rows where nothing was held out.
    """

    fitted: dict[str, Any]
    report: dict[str, Any]
    curve: pd.DataFrame


def fit_calibration(
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    confident_accuracy: float,
    held_out: bool,
    temperature: float | None = None,
) -> CalibrationFit:
    """Fit a temperature and a confidence threshold to validation images, and measure both on them.

    Args:
        logits: float [N,K].
        labels: integers [N] within 0..K-1.
        confident_accuracy: the share 0..1 of the confident predictions that must be correct.
        held_out: whether the model did not train on the images. Of images it trained on too many are
            correct to fit anything on them: the temperature is then 1, and there is no threshold. So it is
            with fewer than `FEWEST_IMAGES`.
        temperature: that was fitted before; None: it is fitted.

    Raises:
        ValueError: as `fit_temperature`.
    """
    enough = held_out and len(labels) >= FEWEST_IMAGES
    if temperature is None:
        temperature = fit_temperature(logits, labels) if enough else 1.0
    probabilities = scale(logits, temperature)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    threshold = confidence_threshold(confidence, correct, accuracy=confident_accuracy) if enough else None
    report: dict[str, Any] = {"temperature": temperature, "images": len(labels)}
    if enough:
        report["calibration_error_before"] = calibration_error(scale(logits, 1.0).max(axis=1), correct)
        report["calibration_error"] = calibration_error(confidence, correct)
    if threshold is not None:
        report["confident_from"] = threshold
        report["confident_coverage"] = float((confidence >= threshold).mean())
    fitted = {
        "temperature": temperature,
        "confident_from": threshold,
        "confident_accuracy": confident_accuracy,
        "held_out": held_out,
        "fitted": enough,
    }
    curve = coverage_curve(confidence, correct, threshold=threshold)
    return CalibrationFit(fitted, report, curve if held_out else curve[:0])


def summary(calibration: CalibrationFit) -> str:
    """Return the calibration in one line."""
    fitted, report = calibration.fitted, calibration.report
    if not fitted["held_out"]:
        return "trained on the validation images too: none are left to fit on; temperature 1, no threshold"
    if not fitted["fitted"]:
        return (
            f"{report['images']:,} validation images are too few to fit a temperature and a threshold on, "
            f"which takes {FEWEST_IMAGES}; temperature 1, no threshold"
        )
    line = (
        f"temperature {report['temperature']:.3f}: calibration error "
        f"{report['calibration_error_before']:.2%} before, {report['calibration_error']:.2%} after, on "
        f"{report['images']:,} validation images; "
    )
    target = fitted["confident_accuracy"]
    if fitted["confident_from"] is None:
        return f"{line}no confidence reaches calibrate.confident_accuracy={target:g}"
    return (
        f"{line}confident from a probability of {fitted['confident_from']:.1%} "
        f"({report['confident_coverage']:.1%} of them, of which {target:.1%} are correct)"
    )
