"""Fit a temperature, the confidence threshold and a structure over labels on the validation images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.config import Params
from darkroom.data.splits import open_split
from darkroom.evaluation.calibration_fit import fit_calibration, summary
from darkroom.evaluation.multilabel import calibration_fit as label_sets
from darkroom.files import read_json, write_array, write_json, write_table
from darkroom.models.classifier import load_classifier
from darkroom.models.hardware import choose_device
from darkroom.models.inference import predict_logits
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
