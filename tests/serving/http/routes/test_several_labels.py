"""The service with a model of several labels: each has a decision, and feedback corrects the whole set."""

import json
from pathlib import Path
from typing import Any

import pytest

from darkroom.feedback.store import read_items
from darkroom.files import read_json, write_json
from darkroom.serving.http.openapi import describe
from darkroom.serving.monitoring.feedback_store import FeedbackStore
from darkroom.serving.prediction.model import Classifier
from tests.helpers.app import IMAGE, refused, send
from tests.helpers.prediction import colour_model


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """Return a model whose three colours are labels; the last has nearly no probability."""
    folder = colour_model(tmp_path_factory.mktemp("model"), classes=("blue", "red", "green"), confident=None)
    about = read_json(folder / "model.json")
    several = {"labels": "several", "thresholds": [0.0, 0.0, 0.9], "version": "1"}
    write_json(folder / "model.json", about | several)
    return Classifier(folder, threads=1)


def test_every_label_is_listed_with_probability_and_decision(several: Classifier) -> None:
    body = send(several, "POST", "/predict").json()
    assert {one["class"] for one in body["classes"]} == {"blue", "red", "green"}
    decisions = {one["class"]: one["decision"] for one in body["classes"]}
    assert decisions == {"blue": True, "red": True, "green": False}
    assert sorted(body["labels"]) == ["blue", "red"]
    assert body["confident"] is None


def test_a_shorter_list_leaves_the_labels_whole(several: Classifier) -> None:
    body = send(several, "POST", "/predict?k=1").json()
    assert len(body["classes"]) == 1
    assert len(body["labels"]) == 2
    batch = send(several, "POST", "/predict_batch?k=1", files=[("images", IMAGE)]).json()
    assert batch["predictions"][0]["labels"] == body["labels"]


def test_the_model_says_that_an_image_may_have_several(several: Classifier) -> None:
    body = send(several, "GET", "/model").json()
    assert body["labels"] == "several"
    assert body["feedback"] is False


def test_feedback_keeps_the_whole_set(several: Classifier, tmp_path: Path) -> None:
    store = FeedbackStore(tmp_path, limit=10**7)
    sent = {"labels": '["red", "green", "red"]'}
    response = send(several, "POST", "/feedback", store=store, fields=sent)
    assert response.status_code == 201
    assert response.json() == {"labels": ["green", "red"], "new": True}
    assert send(several, "POST", "/feedback", store=store, fields=sent).status_code == 200
    assert send(several, "POST", "/feedback", store=store, fields={"labels": "[]"}).json()["labels"] == []
    first, second = read_lines(tmp_path)
    assert (first["class"], second["class"]) == ('["green", "red"]', "[]")
    assert first["labels"] == second["labels"] == "several"
    assert first["predicted"] == '["blue", "red"]'
    (item,) = read_items(tmp_path)
    assert item.several
    assert item.reported_text() == "green + red / (no label)"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"labels": "red"},
        {"labels": '["pink"]'},
        {"labels": "[1]"},
        {"labels": '{"red": 1}'},
        {"labels": ""},
    ],
)
def test_feedback_that_is_no_set_of_labels_is_refused(
    several: Classifier, tmp_path: Path, fields: dict[str, str]
) -> None:
    store = FeedbackStore(tmp_path, limit=10**7)
    refusal = refused(send(several, "POST", "/feedback", store=store, fields=fields), 400, "bad_labels")
    assert "as a JSON list" in refusal
    assert not (tmp_path / "feedback.jsonl").exists()


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the feedback."""
    lines = (folder / "feedback.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_description_explains_decisions(several: Classifier) -> None:
    document = describe(several)
    properties = document["components"]["schemas"]["RankedClass"]
    assert "decision" in properties["properties"]
    assert "decision" in properties["required"]
    assert "An image may have several labels" in str(document["paths"]["/predict"])
    form = document["paths"]["/feedback"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["image", "labels"]
    assert form["properties"]["labels"]["contentSchema"]["items"]["enum"] == several.classes
