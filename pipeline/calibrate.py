"""Fit a temperature, the confidence threshold and a structure over labels on the validation images."""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.config import Params
from darkroom.data.splits import Split, open_split
from darkroom.evaluation.calibration import scale
from darkroom.evaluation.calibration_fit import CalibrationFit, fit_calibration, summary
from darkroom.evaluation.multilabel import calibration_fit as label_sets
from darkroom.evaluation.view_bound import bound_summary, choose_bound
from darkroom.files import read_json, write_array, write_json, write_table
from darkroom.models.classifier import Classifier, load_classifier
from darkroom.models.hardware import choose_device
from darkroom.models.inference import predict_logits
from darkroom.models.one_view import OneView, weight_of_all_views
from darkroom.models.structures.fitting import fit_structure, to_json
from darkroom.models.structures.fitting import summary as structure_summary
from darkroom.tracking import runs
from darkroom.tracking.trained_run import trained_run
from pipeline import CALIBRATION, DATA, MODELS, REPORTS, read_params, tracking_uri
from pipeline.stage import stage


def main() -> None:
    """Run the stage."""
    params = read_params(tuned=True)
    device, _ = choose_device(params.train.device)
    validation = open_split(DATA / "validation")
    classifier = load_classifier(MODELS / "model.safetensors", MODELS / "model_config.json")
    logits = predict_logits(classifier, validation, device=device)
    if validation.several:
        calibration = label_sets.fit_label_sets(
            logits,
            validation.labels,
            rule=params.calibrate.thresholds,
            confident_accuracy=params.calibrate.confident_accuracy,
            fit_joint=joint_fit(params),
        )
    else:
        calibration = fit_calibration(
            logits,
            validation.labels,
            confident_accuracy=params.calibrate.confident_accuracy,
            held_out=not params.train.use_validation,
        )
        if params.calibrate.views == "auto":
            logits, calibration = choose_views(classifier, validation, logits, calibration, device)
    write_array(MODELS / "validation_logits.npy", logits)
    write_json(CALIBRATION, calibration.fitted)
    write_json(REPORTS / "calibration.json", calibration.report)
    write_table(REPORTS / "coverage.csv", calibration.curve)
    with trained_run(tracking_uri(), params.data.name, read_json(MODELS / "run.json")["run_id"]):
        runs.log_metrics(calibration.report, prefix="calibration.")
        runs.log_files(CALIBRATION, REPORTS / "coverage.csv", folder="calibration")
    if "structure" in calibration.fitted:
        print(structure_summary(calibration.fitted["structure"]))
    print(label_sets.summary(calibration) if validation.several else summary(calibration))


def choose_views(
    classifier: Classifier,
    validation: Split,
    logits: NDArray[np.float32],
    calibration: CalibrationFit,
    device: torch.device,
) -> tuple[NDArray[np.float32], CalibrationFit]:
    """Choose from which confidence on one view is enough; return logits and calibration of what is served."""
    fitted = calibration.fitted
    if classifier.views == 1 or not fitted["fitted"]:
        why = "model.views is 1" if classifier.views == 1 else "nothing can be fitted to validation images"
        print(f"calibrate.views=auto changes nothing: {why}")
        return logits, calibration
    temperature, views = fitted["temperature"], classifier.views
    classifier.views = 1
    one = predict_logits(classifier, validation, device=device)
    bound = choose_bound(
        one,
        scale(logits, temperature),
        np.asarray(validation.labels),
        views=views,
        weight=weight_of_all_views,
    )
    print(bound_summary(bound))
    if bound.enough_from is not None:
        # the logits whose probabilities, at the one temperature, are those that are served
        logits = temperature * np.log(np.maximum(bound.probabilities, np.finfo(np.float32).tiny))
        calibration = fit_calibration(
            logits,
            validation.labels,
            confident_accuracy=fitted["confident_accuracy"],
            held_out=True,
            temperature=temperature,
        )
        rule = OneView(bound.temperature, bound.enough_from)
        calibration.fitted["one_view"] = asdict(rule)
    calibration.report["one_view"] = bound.report
    return logits, calibration


def joint_fit(params: Params) -> label_sets.FitJoint | None:
    """Return what fits `model.structure`, which counts training images' labels; None where it is none."""
    name = params.model.structure
    if name == "none":
        return None
    training = np.array(open_split(DATA / "train").first(params.train.images).labels)

    def fit(
        logits: NDArray[np.floating], labels: NDArray[np.int8]
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        fitted = fit_structure(name, logits, labels, training, seed=params.seed)
        return fitted.held_out, to_json(fitted)

    return fit


if __name__ == "__main__":
    stage(main)
