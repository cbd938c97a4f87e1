"""Feedback: what is kept, and what is refused."""

import hashlib
import json
from pathlib import Path

import pytest

from darkroom.serving.http.uploads import MAX_IMAGE_BYTES
from darkroom.serving.monitoring.feedback_store import FeedbackStore
from darkroom.serving.prediction.model import Classifier
from tests.helpers.app import IMAGE, send


def test_feedback_is_kept_once(classifier: Classifier, tmp_path: Path) -> None:
    store = FeedbackStore(tmp_path, limit=1_000_000)
    assert send(classifier, "GET", "/model", store=store).json()["feedback"] is True
    responses = [
        send(classifier, "POST", "/feedback", store=store, fields={"class": reported})
        for reported in ("cat", "cat", "")
    ]
    assert [(response.status_code, response.json()) for response in responses] == [
        (201, {"class": "cat", "new": True}),
        (200, {"class": "cat", "new": False}),
        (201, {"class": None, "new": True}),
    ]
    first, second = (json.loads(line) for line in store.lines.read_text(encoding="utf-8").splitlines())
    best = send(classifier, "POST", "/predict").json()["classes"][0]
    assert first["time"].endswith("+00:00")
    assert first["predicted"] == second["predicted"] == best["class"]
    assert first["probability"] == pytest.approx(best["probability"], abs=1e-3)
    assert first["model"] == {"name": "cifar10", "version": "3"}
    assert (first["class"], second["class"]) == ("cat", None)
    assert first["sha256"] == hashlib.sha256(IMAGE).hexdigest()
    assert (tmp_path / first["image"]).read_bytes() == IMAGE
    assert first["image"].endswith(".png")


@pytest.mark.parametrize(
    ("content", "form", "status", "code"),
    [
        (IMAGE, {}, 400, "bad_class"),
        (IMAGE, {"class": "kittens"}, 400, "bad_class"),
        (IMAGE, {"class": "cat", "k": "3"}, 400, "unknown_field"),
        (b"no image", {"class": "cat"}, 422, "not_an_image"),
        (IMAGE[:-30], {"class": "cat"}, 422, "broken_image"),
        (bytes(MAX_IMAGE_BYTES + 1), {"class": "cat"}, 413, "too_large"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_leaves_nothing(
    classifier: Classifier, tmp_path: Path, content: bytes, form: dict[str, str], status: int, code: str
) -> None:
    store = FeedbackStore(tmp_path, limit=1_000_000)
    response = send(classifier, "POST", "/feedback", store=store, files=[("image", content)], fields=form)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.text
    if code == "bad_class":
        assert "airplane, automobile" in response.json()["error"]["message"]
    assert [path.name for path in tmp_path.rglob("*")] == ["images"]


def test_without_a_folder_there_is_no_feedback(classifier: Classifier) -> None:
    response = send(classifier, "POST", "/feedback", fields={"class": "cat"})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "feedback_off")
    assert "DARKROOM_FEEDBACK" in response.json()["error"]["message"]
    assert send(classifier, "GET", "/model").json()["feedback"] is False


def test_a_full_folder_responds_with_507(classifier: Classifier, tmp_path: Path) -> None:
    store = FeedbackStore(tmp_path, limit=10)
    response = send(classifier, "POST", "/feedback", store=store, fields={"class": "cat"})
    assert (response.status_code, response.json()["error"]["code"]) == (507, "feedback_full")
