"""The service with a model of several labels: each has a decision, and feedback is refused with a reason."""

from pathlib import Path

import pytest

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


def test_feedback_is_refused_with_the_reason(several: Classifier, tmp_path: Path) -> None:
    response = send(
        several, "POST", "/feedback", store=FeedbackStore(tmp_path, limit=10**7), fields={"class": "red"}
    )
    assert "several labels" in refused(response, 404, "feedback_off")


def test_the_description_explains_decisions(several: Classifier) -> None:
    document = describe(several)
    properties = document["components"]["schemas"]["RankedClass"]
    assert "decision" in properties["properties"]
    assert "decision" in properties["required"]
    assert "An image may have several labels" in str(document["paths"]["/predict"])
