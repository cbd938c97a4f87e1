"""Fit a temperature and the confidence threshold on the validation images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.data.splits import open_split
from darkroom.evaluation.calibration import (
    calibration_error,
    confidence_threshold,
    coverage_curve,
    fit_temperature,
    scale,
)
from darkroom.files import read_json, write_array, write_json, write_table
from darkroom.models.classifier import load_classifier
from darkroom.models.hardware import choose_device
from darkroom.models.inference import predict_logits
from darkroom.tracking import runs
from darkroom.tracking.trained_run import trained_run
from pipeline import CALIBRATION, DATA, MODELS, REPORTS, read_params, tracking_uri


def main() -> None:
    """Run the stage."""
    params = read_params(tuned=True)
    device, _ = choose_device(params.train.device)
    validation, held_out = open_split(DATA / "validation"), not params.train.use_validation
    classifier = load_classifier(MODELS / "model.safetensors", MODELS / "model_config.json")
    logits = predict_logits(classifier, validation, device=device)
    write_array(MODELS / "validation_logits.npy", logits)
    temperature = fit_temperature(logits, validation.labels) if held_out else 1.0
    confidence, right = _answers(scale(logits, temperature), validation.labels)
    target = params.calibrate.confident_accuracy
    confident_from = confidence_threshold(confidence, right, accuracy=target) if held_out else None
    write_json(
        CALIBRATION,
        {
            "temperature": temperature,
            "confident_from": confident_from,
            "confident_accuracy": target,
            # an image that was trained on is right too often to fit anything on it
            "held_out": held_out,
        },
    )
    report: dict[str, Any] = {"temperature": temperature, "images": len(validation)}
    curve = coverage_curve(confidence, right, threshold=confident_from)
    if held_out:
        before, _ = _answers(scale(logits, 1.0), validation.labels)
        report["calibration_error_before"] = calibration_error(before, right)
        report["calibration_error"] = calibration_error(confidence, right)
    if confident_from is not None:
        report["confident_from"] = confident_from
        report["confident_coverage"] = float((confidence >= confident_from).mean())
    write_json(REPORTS / "calibration.json", report)
    write_table(REPORTS / "coverage.csv", curve if held_out else curve[:0])
    with trained_run(tracking_uri(), params.data.name, read_json(MODELS / "run.json")["run_id"]):
        runs.log_metrics(report, prefix="calibration.")
        runs.log_files(CALIBRATION, REPORTS / "coverage.csv", folder="calibration")
    print(_said(held_out, temperature, confident_from, target, report))


def _answers(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the confidence of each answer and whether it is right, both [N]."""
    return probabilities.max(axis=1), np.asarray(probabilities.argmax(axis=1) == labels)


def _said(
    held_out: bool, temperature: float, confident_from: float | None, target: float, report: dict[str, Any]
) -> str:
    if not held_out:
        return "trained on the validation images too: none are left to fit on; temperature 1, no threshold"
    said = (
        f"temperature {temperature:.3f}: calibration error {report['calibration_error_before']:.2%} before, "
        f"{report['calibration_error']:.2%} after, on {report['images']:,} validation images; "
    )
    if confident_from is None:
        return said + f"no confidence reaches calibrate.confident_accuracy={target:g}"
    return (
        f"{said}confident from {confident_from:.1%} on ({report['confident_coverage']:.1%} of them, "
        f"{target:.1%} right)"
    )


if __name__ == "__main__":
    main()
