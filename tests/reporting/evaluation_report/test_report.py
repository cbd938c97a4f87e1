"""The evaluation report and the model card, of predictions for the digits."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom.data.splits import Split
from darkroom.evaluation.intervals import accuracy_with_interval
from darkroom.files import read_json, write_json
from darkroom.reporting.evaluation_report.calibration import report_calibration
from darkroom.reporting.evaluation_report.duplicates import report_duplicates
from darkroom.reporting.evaluation_report.inputs import Evaluation, Predictions
from darkroom.reporting.evaluation_report.label_issues import report_label_issues
from darkroom.reporting.evaluation_report.outputs import FIGURES, TABLES
from darkroom.reporting.evaluation_report.report import summary, write_report
from darkroom.reporting.model_card.card import write_card
from darkroom.reporting.model_card.inputs import read_card_inputs
from tests.helpers.training import digits, tiny_params

COUNT = 60  # images of each split


def predict(split: Split) -> Any:
    """Predict every third image wrongly, the more confidently the brighter it is."""
    wrong = np.arange(len(split)) % 3 == 0
    certain = np.eye(10)[(split.labels + wrong) % 10]
    confidence = 0.5 + split.images.mean(axis=(1, 2, 3))[:, None] / 512
    return (confidence * certain + (1 - confidence) / 10).astype(np.float32)


def evaluation(**changes: Any) -> Evaluation:
    raw = digits()
    train, validation, test = (
        raw.train.first(COUNT),
        Split(raw.train.images[COUNT : 2 * COUNT], raw.train.labels[COUNT : 2 * COUNT]),
        raw.test.first(COUNT),
    )
    curve = pd.DataFrame({"epoch": [1, 2], "train_loss": [2.0, 1.0], "train_accuracy": [0.5, 0.8]})
    settings = tiny_params({"evaluate": {"resamples": 100, "corruption_images": 20}}).evaluate
    inputs: dict[str, Any] = {
        "classes": raw.classes,
        "test": Predictions(test, predict(test)),
        "confidence_before": np.ones(COUNT, dtype=np.float32),
        "validation": Predictions(validation, predict(validation)),
        "compared": {"train": train, "validation": validation},
        "calibration": {
            "temperature": 1.5, "confident_from": 0.7, "confident_accuracy": 0.6, "held_out": True,
            "fitted": True,
        },
        "predict": predict,
        "curve": curve.assign(validation_loss=[2.1, 1.1], validation_accuracy=[0.4, 0.7]),
        "best_epoch": 2,
        "settings": settings,
        "mirror": False,
        "seed": 0,
    }  # fmt: skip
    return Evaluation(**inputs | changes)


def write_everything(folder: Path) -> None:
    """Write report and card into `folder`, from the files that stages before them wrote there."""
    write_json(folder / "meta.json", {
        "name": "digits", "classes": list(digits().classes), "height": 8, "width": 8, "channels": 1,
        "train": COUNT, "validation": COUNT, "test": COUNT, "test_sha256": "0" * 64,
    })  # fmt: skip
    write_json(folder / "source.json", {"data": "digits", "official": True})
    write_json(folder / "model_config.json", {"architecture": "fast", "widths": [8, 16], "height": 8})
    write_json(folder / "tuned.json", {})
    write_json(folder / "calibration.json", {"temperature": 1.0})
    write_json(folder / "train.json", {"parameters": 1234, "best_epoch": 2})
    write_report(folder, evaluation())
    write_card(folder, read_card_inputs(data=folder, models=folder, reports=folder, training={"seed": 0}))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_everything(folder)
    return folder


def test_all_outputs_are_written(report: Path) -> None:
    names = {path.name for path in report.iterdir()}
    assert names >= {*FIGURES, *TABLES, "confusion.csv", "metrics.json", "predictions.parquet"}
    assert names >= {"model_card.md", "model_card.html"}


def test_equal_inputs_give_equal_bytes(report: Path, tmp_path: Path) -> None:
    write_everything(tmp_path)
    for path in report.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_metrics_agree_with_the_predictions(report: Path) -> None:
    metrics, inputs = read_json(report / "metrics.json"), evaluation()
    correct, confidence = inputs.test.correct, inputs.test.confidence
    assert metrics["test"]["accuracy"] == metrics["corrupted"]["clean"] + (40 / 60 - 13 / 20) == 40 / 60
    assert metrics["calibration"]["confident"] == {
        "from": 0.7, "target": 0.6, "coverage": float((confidence >= 0.7).mean()),
        **accuracy_with_interval(correct[confidence >= 0.7]),
    }  # fmt: skip
    assert metrics["calibration"]["error_before"] == pytest.approx(1 / 3)
    assert list(metrics["label_issues"]) == ["test", "validation"]
    table = pd.read_parquet(report / "predictions.parquet")
    assert (table["predicted"] == inputs.test.predicted).all()
    assert (table["p_3"] == inputs.test.probabilities[:, 3]).all()
    line = summary(metrics)
    assert "test accuracy 66.67%" in line
    assert "on 60 images" in line


def test_the_card_shows_the_report(report: Path) -> None:
    card = (report / "model_card.md").read_text(encoding="utf-8")
    assert "Test accuracy **66.67 %**" in card
    assert "| widths | 8, 16 |" in card
    assert "1,234" in card
    assert "| height |" not in card, "the size of the images is part of the data"


def test_images_that_were_trained_on_are_left_out(tmp_path: Path) -> None:
    unfitted = {"temperature": 1.0, "confident_from": None, "confident_accuracy": 0.6}
    unfitted |= {"held_out": False, "fitted": False}
    inputs = evaluation(validation=None, calibration=unfitted)
    assert list(report_label_issues(tmp_path, inputs)) == ["test"]
    assert "confident" not in report_calibration(tmp_path, inputs)


def test_a_threshold_that_no_image_reaches_gives_no_confident_predictions(tmp_path: Path) -> None:
    strict = {"temperature": 1.0, "confident_from": 0.999, "confident_accuracy": 1.0}
    strict |= {"held_out": True, "fitted": True}
    assert "confident" not in report_calibration(tmp_path, evaluation(calibration=strict))


def test_test_images_among_the_training_images_are_near_duplicates(tmp_path: Path) -> None:
    test = digits().test.first(COUNT)
    found = report_duplicates(tmp_path, evaluation(compared={"train": test}))
    assert found == {"found": COUNT}, "no image is left without a duplicate"
