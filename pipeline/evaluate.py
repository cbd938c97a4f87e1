"""Measure the calibrated classifier on the test set, which no other stage reads, and report."""

from typing import Any

import numpy as np
import pandas as pd

from darkroom.config import Params
from darkroom.data.splits import Meta, open_split, read_meta
from darkroom.evaluation.calibration import scale
from darkroom.evaluation.slices import draw
from darkroom.files import atomic_write, read_json, write_json, write_text
from darkroom.models.classifier import load_classifier
from darkroom.models.hardware import choose_device
from darkroom.models.inference import predict, predict_logits
from darkroom.reporting import evaluation_report
from darkroom.reporting.card_page import card_page
from darkroom.reporting.evaluation_report import Predictions
from darkroom.reporting.figures.learning_curve import learning_curve_figure
from darkroom.reporting.model_card import CardInputs, model_card
from darkroom.tracking import lineage, runs
from darkroom.tracking.trained_run import trained_run
from pipeline import CALIBRATION, DATA, MODELS, REPORTS, ROOT, TUNED, read_params, tracking_uri


def main() -> None:
    """Run the stage."""
    params = read_params(tuned=True)
    asked = params.evaluate
    meta, calibration = read_meta(DATA / "meta.json"), read_json(CALIBRATION)
    train, validation = open_split(DATA / "train"), open_split(DATA / "validation")
    test = open_split(DATA / "test")
    device, _ = choose_device(params.train.device)
    classifier = load_classifier(MODELS / "model.safetensors", MODELS / "model_config.json", CALIBRATION)
    temperature = calibration["temperature"]
    logits = predict_logits(classifier, test, device=device)
    answers = Predictions(test, scale(logits, temperature))
    held_out = {"test": answers}
    if calibration["held_out"]:
        kept = np.load(MODELS / "validation_logits.npy", allow_pickle=False)
        held_out["validation"] = Predictions(validation, scale(kept, temperature))

    curve, training = pd.read_csv(REPORTS / "curve.csv"), read_json(REPORTS / "train.json")
    learning_curve_figure(REPORTS / "curve.png", curve, training["best_epoch"])
    evaluation_report.report_slices(REPORTS, answers, classes=meta.classes)
    headline = evaluation_report.report_headline(REPORTS, answers, classes=meta.classes, asked=asked)
    metrics = {
        "test": headline,
        "calibration": evaluation_report.report_calibration(
            REPORTS,
            answers,
            before=scale(logits, 1.0).max(axis=1),
            calibration=calibration,
            resamples=asked.resamples,
        ),
        "duplicates": evaluation_report.report_duplicates(
            REPORTS,
            answers,
            {"train": train, "validation": validation},
            classes=meta.classes,
            asked=asked,
            mirror=params.augment.flip != "none",
        ),
        "label_issues": evaluation_report.report_label_issues(
            REPORTS, held_out, classes=meta.classes, shown=asked.misclassified
        ),
        "corrupted": evaluation_report.report_corruptions(
            REPORTS,
            lambda split: predict(classifier, split, device=device, progress=False),
            draw(test, asked.corruption_images, seed=params.seed),
            seed=params.seed,
            resamples=asked.resamples,
        ),
    }
    write_json(REPORTS / "metrics.json", metrics)
    with atomic_write(REPORTS / "predictions.parquet") as file:
        evaluation_report.predictions_table(answers, classes=meta.classes).to_parquet(file, index=False)
    write_card(params, meta, metrics, training)

    with trained_run(tracking_uri(), params.data.name, read_json(MODELS / "run.json")["run_id"]):
        runs.log_metrics(metrics)
        runs.log_files(REPORTS / "metrics.json", REPORTS / "model_card.md", REPORTS / "model_card.html")
        runs.log_files(*[REPORTS / name for name in evaluation_report.TABLES], folder="tables")
        images = (*evaluation_report.CHARTS.values(), *evaluation_report.GALLERIES.values())
        runs.log_files(*[REPORTS / name for name in images], folder="figures")
    tell(metrics)


def write_card(params: Params, meta: Meta, metrics: dict[str, Any], training: dict[str, Any]) -> None:
    """Write the model card as Markdown and as a page with its charts."""
    config = read_json(MODELS / "model_config.json")
    card = model_card(
        CardInputs(
            meta=meta.tree,
            metrics=metrics["test"],
            calibration=metrics["calibration"],
            corrupted=metrics["corrupted"],
            duplicates=metrics["duplicates"],
            label_issues=metrics["label_issues"],
            per_class=pd.read_csv(REPORTS / "per_class.csv", keep_default_na=False, dtype={"class": str}),
            architecture={
                key: value for key, value in config.items() if key in type(params.model).model_fields
            },
            parameters=training["parameters"],
            source=read_json(DATA / "source.json"),
            training=params.model_dump(mode="json", include={"seed", "data", "augment", "train"}),
            tuned=read_json(TUNED),
            images=evaluation_report.CHARTS,
            commit=lineage.commit(ROOT),
            dirty=bool(lineage.uncommitted_diff(ROOT)),
            command="dvc repro",
            environment=lineage.environment()
            | {"device": training["device"], "training precision": training["precision"]},
        )
    )
    write_text(REPORTS / "model_card.md", card)
    page = card_page(card, folder=REPORTS, title=f"Model card: {meta.name}")
    write_text(REPORTS / "model_card.html", page)


def tell(metrics: dict[str, Any]) -> None:
    """Print the headline numbers."""
    test, calibration, corrupted = metrics["test"], metrics["calibration"], metrics["corrupted"]
    print(
        f"test accuracy {test['accuracy']:.2%} "
        f"(95 % interval {test['accuracy_low']:.2%} to {test['accuracy_high']:.2%}) "
        f"on {test['images']:,} images; calibration error {calibration['error']:.2%}; "
        f"corrupted {corrupted['accuracy']:.2%}; {metrics['duplicates']['found']:,} near-duplicates of "
        "training images"
    )


if __name__ == "__main__":
    main()
