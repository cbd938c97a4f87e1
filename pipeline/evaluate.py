"""Measure the trained classifier on the test set, which no other stage reads, and report."""

import pandas as pd

from darkroom import lineage, tracking
from darkroom.card import CardInputs, model_card
from darkroom.figures import confusion_figure, learning_curve_figure, mistakes_figure, per_class_figure
from darkroom.files import atomic_write, read_json, write_json, write_text
from darkroom.inference import choose_device, predict
from darkroom.metrics import classification_metrics, confusion_table, per_class_table, worst_mistakes
from darkroom.models import load_classifier
from darkroom.registry import trained_run
from darkroom.splits import open_split, read_meta
from pipeline import DATA, MODELS, REPORTS, ROOT, TUNED, read_params, tracking_uri

FIGURES = {
    "Confusion": "confusion.png",
    "Per class": "per_class.png",
    "Learning curve": "curve.png",
    "The worst mistakes": "mistakes.png",
}


def main() -> None:
    """Run the stage."""
    params = read_params(tuned=True)
    device, _ = choose_device(params.train.device)
    meta = read_meta(DATA / "meta.json")
    test = open_split(DATA / "test")
    config, training = read_json(MODELS / "model_config.json"), read_json(REPORTS / "train.json")
    probabilities = predict(
        load_classifier(MODELS / "model.safetensors", MODELS / "model_config.json"), test, device=device
    )
    predictions = probabilities.argmax(1)
    metrics = classification_metrics(
        probabilities, test.labels, classes=meta.classes, top_k=params.evaluate.top_k
    )
    per_class = per_class_table(probabilities, test.labels, classes=meta.classes)
    write_json(REPORTS / "metrics.json", {"test": metrics})
    write_table(per_class, "per_class.csv")
    write_table(confusion_table(probabilities, test.labels, classes=meta.classes), "confusion.csv")

    confusion_figure(REPORTS / "confusion.png", test.labels, predictions, meta.classes)
    learning_curve_figure(REPORTS / "curve.png", pd.read_csv(REPORTS / "curve.csv"), training["best_epoch"])
    per_class_figure(REPORTS / "per_class.png", per_class)
    worst = worst_mistakes(probabilities, test.labels, count=params.evaluate.mistakes)
    mistakes_figure(
        REPORTS / "mistakes.png",
        test.images[worst],
        [meta.classes[label] for label in test.labels[worst]],
        [meta.classes[label] for label in predictions[worst]],
        [float(probability) for probability in probabilities[worst].max(axis=1)],
    )
    card = model_card(
        CardInputs(
            meta=meta.tree,
            metrics=metrics,
            per_class=per_class,
            architecture={
                key: value for key, value in config.items() if key in type(params.model).model_fields
            },
            parameters=training["parameters"],
            source=read_json(DATA / "source.json"),
            training=params.model_dump(mode="json", include={"seed", "data", "augment", "train"}),
            tuned=read_json(TUNED),
            pictures=FIGURES,
            commit=lineage.commit(ROOT),
            dirty=bool(lineage.uncommitted_diff(ROOT)),
            command="dvc repro",
            environment=lineage.environment()
            | {"device": training["device"], "training precision": training["precision"]},
        )
    )
    write_text(REPORTS / "model_card.md", card)
    run_id = read_json(MODELS / "run.json")["run_id"]
    with trained_run(tracking_uri(), params.data.name, run_id):
        tracking.log_metrics(metrics, prefix="test.")
        tracking.log_files(REPORTS / "metrics.json", REPORTS / "per_class.csv", REPORTS / "model_card.md")
        tracking.log_files(*[REPORTS / name for name in FIGURES.values()], folder="figures")
    print(
        f"test accuracy {metrics['accuracy']:.2%} "
        f"(95 % interval {metrics['accuracy_low']:.2%} to {metrics['accuracy_high']:.2%}) "
        f"on {metrics['pictures']:,} pictures"
    )


def write_table(table: pd.DataFrame, name: str) -> None:
    """Write a table to reports/ as CSV."""
    with atomic_write(REPORTS / name) as file:
        table.to_csv(file, index=False)


if __name__ == "__main__":
    main()
