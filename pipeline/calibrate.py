"""Fit a temperature and the confidence threshold on the validation images."""

from darkroom.data.splits import open_split
from darkroom.evaluation.calibration_fit import fit_calibration, summary
from darkroom.evaluation.multilabel import calibration_fit as label_sets
from darkroom.files import read_json, write_array, write_json, write_table
from darkroom.models.classifier import load_classifier
from darkroom.models.hardware import choose_device
from darkroom.models.inference import predict_logits
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
    print(label_sets.summary(calibration) if validation.several else summary(calibration))


if __name__ == "__main__":
    stage(main)
