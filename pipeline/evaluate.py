"""Measure the calibrated classifier on the test set, which no other stage reads, and report."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from darkroom.config import Params
from darkroom.data.splits import Meta, open_split, read_meta
from darkroom.evaluation.calibration import scale
from darkroom.evaluation.multilabel.calibration_fit import calibrated
from darkroom.evaluation.multilabel.thresholds import decide
from darkroom.files import read_json
from darkroom.models.classifier import load_classifier
from darkroom.models.hardware import choose_device
from darkroom.models.inference import predict, predict_logits, probabilities_of
from darkroom.reporting.evaluation_report.inputs import Evaluation, Predictions
from darkroom.reporting.evaluation_report.outputs import FIGURES, TABLES
from darkroom.reporting.evaluation_report.report import summary, write_report
from darkroom.reporting.label_report.inputs import LabelEvaluation
from darkroom.reporting.label_report.report import summary as label_summary
from darkroom.reporting.label_report.report import write_label_report
from darkroom.reporting.model_card.card import write_card
from darkroom.reporting.model_card.inputs import read_card_inputs
from darkroom.tracking import runs
from darkroom.tracking.trained_run import trained_run
from pipeline import CALIBRATION, DATA, MODELS, REPORTS, read_params, tracking_uri
from pipeline.stage import stage


def main() -> None:
    """Run the stage."""
    params = read_params(tuned=True)
    meta = read_meta(DATA / "meta.json")
    if meta.several:
        metrics = write_label_report(REPORTS, evaluate_sets(params, meta))
        line = label_summary(metrics)
    else:
        metrics = write_report(REPORTS, evaluate(params, meta))
        line = summary(metrics)
    off = {"minutes": 0, "unknown_labels": "ignore"}
    unused = {"train": {name for name, value in off.items() if getattr(params.train, name) == value}}
    training = params.model_dump(mode="json", include={"seed", "data", "augment", "train"}, exclude=unused)
    write_card(REPORTS, read_card_inputs(data=DATA, models=MODELS, reports=REPORTS, training=training))
    with trained_run(tracking_uri(), params.data.name, read_json(MODELS / "run.json")["run_id"]):
        runs.log_metrics(metrics)
        runs.log_files(REPORTS / "metrics.json", REPORTS / "model_card.md", REPORTS / "model_card.html")
        runs.log_files(*[REPORTS / name for name in TABLES], folder="tables")
        runs.log_files(*[REPORTS / name for name in FIGURES], folder="figures")
    print(line)


def evaluate(params: Params, meta: Meta) -> Evaluation:
    """Predict the test images, and collect what the report is computed from."""
    test, validation = open_split(DATA / "test"), open_split(DATA / "validation")
    calibration = read_json(CALIBRATION)
    device, _ = choose_device(params.train.device)
    classifier = load_classifier(MODELS / "model.safetensors", MODELS / "model_config.json", CALIBRATION)
    logits = predict_logits(classifier, test, device=device)
    scaled = partial(scale, temperature=calibration["temperature"])
    validation_logits = np.load(MODELS / "validation_logits.npy", allow_pickle=False)
    return Evaluation(
        test=Predictions(test, scaled(logits)),
        confidence_before=scale(logits, 1.0).max(axis=1),
        validation=Predictions(validation, scaled(validation_logits)) if calibration["held_out"] else None,
        predict=partial(predict, classifier, device=device, progress=False),
        **of_every_report(params, meta, calibration),
    )


def evaluate_sets(params: Params, meta: Meta) -> LabelEvaluation:
    """Predict the test images of several labels, and collect what the report is computed from."""
    test, calibration = open_split(DATA / "test"), read_json(CALIBRATION)
    device, _ = choose_device(params.train.device)
    classifier = load_classifier(MODELS / "model.safetensors", MODELS / "model_config.json", CALIBRATION)
    logits = predict_logits(classifier, test, device=device)
    probabilities = probabilities_of(classifier, logits)
    return LabelEvaluation(
        test=test,
        probabilities=probabilities,
        before=calibrated(logits, {"slope": 1.0, "offset": 0.0}),
        decisions=decide(probabilities, np.array(calibration["thresholds"])),
        predict=partial(predict, classifier, device=device, progress=False),
        **of_every_report(params, meta, calibration),
    )


def of_every_report(params: Params, meta: Meta, calibration: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of `ReportInputs`, but for `predict`."""
    return {
        "classes": meta.classes,
        "compared": {name: open_split(DATA / name) for name in ("train", "validation")},
        "calibration": calibration,
        "curve": pd.read_csv(REPORTS / "curve.csv"),
        "best_epoch": read_json(REPORTS / "train.json")["best_epoch"],
        "settings": params.evaluate,
        "mirror": params.augment.flip != "none",
        "seed": params.seed,
    }


if __name__ == "__main__":
    stage(main)
