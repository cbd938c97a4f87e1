"""`darkroom predict` and the service with a model of several labels: decisions by each label's threshold."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from darkroom.files import read_json, write_json
from darkroom.prediction.model import Model
from darkroom.serving.http.parameters import default_k
from darkroom.serving.http.responses import image_prediction
from darkroom.serving.prediction.model import Classifier
from tests.helpers.prediction import CLASSES, colour_model


def several(folder: Path, thresholds: object = (0.3, 0.9), **more: object) -> Path:
    """Return the folder of a model whose two colours are labels with these thresholds."""
    colour_model(folder, confident=None)
    about = read_json(folder / "model.json")
    changes = {"labels": "several", "thresholds": thresholds, "version": "1"} | more
    write_json(folder / "model.json", about | changes)
    return folder


def test_labels_near_their_threshold_are_uncertain_in_service_and_table(tmp_path: Path) -> None:
    folder = several(tmp_path / "model", [0.3, 0.9], uncertain=[[0.1, 0.45], None])
    classifier = Classifier(folder)
    found = image_prediction(np.array([0.4, 0.6], np.float32), 2, classifier)
    assert {one["class"]: one["uncertain"] for one in found["classes"]} == {"blue": True, "red": False}
    for p, doubtful in ((0.05, False), (0.11, True), (0.46, False)):
        one = image_prediction(np.array([p, 0.0], np.float32), 1, classifier)["classes"][0]
        assert one["uncertain"] == doubtful
    grey, blue = (Image.new("RGB", (20, 20), colour) for colour in ((120, 120, 120), (0, 0, 255)))
    table = Model(folder).predict([grey, blue, b"no image"])
    doubts = [0.1 < float(value) < 0.45 for value in table["p_blue"][:2]]
    assert table["unsure"].tolist()[:2] == doubts
    assert [json.loads(text) for text in table["unsure_labels"][:2]] == [
        ["blue"] if doubt else [] for doubt in doubts
    ]
    assert table[["unsure", "unsure_labels"]].iloc[2].isna().all()


@pytest.mark.parametrize("wrong", [[None], [[0.1, 0.2], [0.3]], [[0.1, 2.0], None], "none"])
def test_bounds_that_do_not_fit_are_refused(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(ValueError, match="uncertain"):
        Classifier(several(tmp_path / "model", [0.3, 0.9], uncertain=wrong))


def test_each_label_has_a_column_and_the_labels_are_a_list(tmp_path: Path) -> None:
    model = Model(several(tmp_path / "model", [0.3, 0.9]))
    grey = Image.new("RGB", (20, 20), (120, 120, 120))
    blue = Image.new("RGB", (20, 20), (0, 0, 255))
    table = model.predict([grey, blue])
    assert list(table.columns) == [
        "path", "labels", "has_blue", "has_red", "p_blue", "p_red", "unsure", "unsure_labels", "reason",
    ]  # fmt: skip
    for row in table.to_dict("records"):
        has = {name: row[f"p_{name}"] >= limit for name, limit in zip(CLASSES, (0.3, 0.9), strict=True)}
        assert {name: row[f"has_{name}"] for name in CLASSES} == has
        assert json.loads(row["labels"]) == [name for name in CLASSES if has[name]]
    assert table["has_blue"].tolist() == [True, True]
    assert table["has_red"].tolist() == [False, False]


def test_a_file_that_cannot_be_used_has_no_decision(tmp_path: Path) -> None:
    model = Model(several(tmp_path / "model", [0.3, 0.9]))
    (row,) = model.predict([b"no image"]).to_dict("records")
    assert row["reason"]
    assert all(pd.isna(row[name]) for name in ("labels", "has_blue", "has_red", "p_blue", "p_red"))


def test_the_service_gives_every_label_a_decision(tmp_path: Path) -> None:
    classifier = Classifier(several(tmp_path / "model", [0.3, 0.9]))
    found = image_prediction(np.array([0.4, 0.6], np.float32), default_k(classifier), classifier)
    assert found["labels"] == ["blue"]
    assert found["confident"] is None
    decisions = {one["class"]: one["decision"] for one in found["classes"]}
    assert decisions == {"red": False, "blue": True}
    none = image_prediction(np.array([0.1, 0.6], np.float32), 1, classifier)
    assert none["labels"] == []
    assert len(none["classes"]) == 1


def test_a_model_of_one_label_says_nothing_of_decisions(tmp_path: Path) -> None:
    folder = colour_model(tmp_path / "model")
    write_json(folder / "model.json", read_json(folder / "model.json") | {"version": "1"})
    found = image_prediction(np.array([0.4, 0.6], np.float32), 2, Classifier(folder))
    assert "labels" not in found
    assert all("decision" not in one for one in found["classes"])


@pytest.mark.parametrize("wrong", [None, [0.5], [0.5, 2.0], [0.5, "high"]])
def test_thresholds_that_do_not_fit_are_refused(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(ValueError, match="thresholds"):
        Classifier(several(tmp_path / "model", wrong))
