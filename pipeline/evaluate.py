"""Measure the calibrated classifier on the test set, which no other stage reads, and report."""

from typing import Any

import numpy as np
import pandas as pd

from darkroom.config import Params
from darkroom.data.splits import Meta, open_split, read_meta
from darkroom.files import read_json
from darkroom.models.classifier import load_classifier
from darkroom.models.hardware import choose_device
from darkroom.reporting.evaluation_report.outputs import FIGURES, TABLES
from darkroom.reporting.evaluation_report.predicting import evaluate
from darkroom.reporting.evaluation_report.report import summary, write_report
from darkroom.reporting.label_report.predicting import evaluate_label_sets
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
    params, meta = read_params(tuned=True), read_meta(DATA / "meta.json")
    device, _ = choose_device(params.train.device)
    classifier = load_classifier(MODELS / "model.safetensors", MODELS / "model_config.json", CALIBRATION)
    test, shared = open_split(DATA / "test"), {"device": device, **report_inputs(params, meta)}
    if meta.several:
        metrics = write_label_report(REPORTS, evaluate_label_sets(classifier, test, **shared))
        line = label_summary(metrics)
    else:
        logits = np.load(MODELS / "validation_logits.npy", allow_pickle=False)
        validation = shared["compared"]["validation"]
        metrics = write_report(
            REPORTS, evaluate(classifier, test, validation, validation_logits=logits, **shared)
        )
        line = summary(metrics)
    unused = None if params.train.minutes else {"train": {"minutes"}}
    training = params.model_dump(mode="json", include={"seed", "data", "augment", "train"}, exclude=unused)
    write_card(REPORTS, read_card_inputs(data=DATA, models=MODELS, reports=REPORTS, training=training))
    with trained_run(tracking_uri(), params.data.name, read_json(MODELS / "run.json")["run_id"]):
        runs.log_metrics(metrics)
        runs.log_files(REPORTS / "metrics.json", REPORTS / "model_card.md", REPORTS / "model_card.html")
        runs.log_files(*[REPORTS / name for name in TABLES], folder="tables")
        runs.log_files(*[REPORTS / name for name in FIGURES], folder="figures")
    print(line)


def report_inputs(params: Params, meta: Meta) -> dict[str, Any]:
    """Return the attributes of `ReportInputs`, but for `predict`."""
    return {
        "classes": meta.classes,
        "compared": {name: open_split(DATA / name) for name in ("train", "validation")},
        "calibration": read_json(CALIBRATION),
        "curve": pd.read_csv(REPORTS / "curve.csv"),
        "best_epoch": read_json(REPORTS / "train.json")["best_epoch"],
        "settings": params.evaluate,
        "mirror": params.augment.flip != "none",
        "seed": params.seed,
    }


if __name__ == "__main__":
    stage(main)
