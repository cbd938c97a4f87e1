"""The routes without a server: heat maps in answers, and feedback."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from darkroom.serving.errors import too_busy
from darkroom.serving.http.app import create_app
from darkroom.serving.http.error_handlers import BUSY_SECONDS
from darkroom.serving.http.uploads import MAX_IMAGE_BYTES
from darkroom.serving.monitoring.feedback_store import FeedbackStore
from darkroom.serving.prediction.engine import Engine
from darkroom.serving.prediction.model import Classifier
from tests.helpers.serving import CIFAR, DIGITS, encoded, linear_graph, random_image, write_champion

IMAGE = encoded(random_image())


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    folder = tmp_path_factory.mktemp("app")
    write_champion(folder, name="cifar10", classes=CIFAR, height=32, width=32, channels=3, heat=True)
    return Classifier(folder, threads=1)


def ask(
    classifier: Classifier,
    method: str,
    path: str,
    *,
    store: FeedbackStore | None = None,
    content: bytes = IMAGE,
    field: str = "image",
    form: dict[str, str] | None = None,
) -> httpx.Response:
    """Return the app's answer to a request, with a form where it is a POST."""

    async def send() -> httpx.Response:
        app = create_app(feedback_store=store)
        app.state.engine = Engine(classifier, queue_seconds=60)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            given: dict[str, Any] = (
                {"files": {field: content}, "data": form or {}} if method == "POST" else {}
            )
            return await client.request(method, path, **given)

    return asyncio.run(send())


# --- load --------------------------------------------------------------------------------------------


def test_a_refusal_for_load_comes_late_so_that_asking_again_costs_little(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    def busy(_: Engine) -> None:
        raise too_busy("Too much.")

    monkeypatch.setattr("darkroom.serving.http.error_handlers.asyncio.sleep", sleep)
    assert ask(classifier, "POST", "/predict").status_code == 200
    assert ask(classifier, "POST", "/predict?k=0").status_code == 400
    assert slept == []
    monkeypatch.setattr(Engine, "check", busy)
    answer = ask(classifier, "POST", "/predict")
    assert (answer.status_code, answer.headers["Retry-After"], slept) == (503, "1", [BUSY_SECONDS])


# --- heat maps ---------------------------------------------------------------------------------------


def test_the_answer_brings_the_heat_maps_of_its_classes_in_its_order(classifier: Classifier) -> None:
    assert ask(classifier, "GET", "/model").json()["heat"] is True
    answer = ask(classifier, "POST", "/predict?explain=true", form={"k": "4"}).json()
    (weights,) = (
        numpy_helper.to_array(array)
        for array in linear_graph(32, 32, 3, 10).graph.initializer
        if array.name == "weights"
    )
    by_pixel = (random_image()[..., None] / 255 * weights.reshape(32, 32, 3, 10)).sum(2)
    expected = by_pixel.reshape(8, 4, 8, 4, 10).sum((1, 3))
    order = [CIFAR.index(entry["class"]) for entry in answer["classes"]]
    assert len(order) == 4
    np.testing.assert_allclose(answer["heat"], np.moveaxis(expected[..., order], -1, 0), atol=0.006)
    assert np.abs(expected).max() > 0.1


def test_who_does_not_ask_for_an_explanation_gets_none(classifier: Classifier) -> None:
    for path in ("/predict", "/predict?explain=false"):
        assert set(ask(classifier, "POST", path).json()) == {"classes", "confident", "model", "milliseconds"}
    answer = ask(classifier, "POST", "/predict?explain=yes")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_explain")
    assert "'yes'" in answer.json()["error"]["message"]


def test_a_batch_has_no_heat_maps(classifier: Classifier) -> None:
    (prediction,) = ask(classifier, "POST", "/predict_batch", field="images").json()["predictions"]
    assert set(prediction) == {"classes", "confident"}


def test_a_model_without_heat_maps_says_so(tmp_path: Path) -> None:
    write_champion(tmp_path, name="digits", classes=DIGITS, height=8, width=8, channels=1)
    classifier = Classifier(tmp_path, threads=1)
    assert ask(classifier, "POST", "/predict?explain=true").json()["heat"] is None
    assert ask(classifier, "GET", "/model").json()["heat"] is False


def test_heat_maps_of_another_shape_are_refused_at_the_start(tmp_path: Path) -> None:
    write_champion(tmp_path, name="digits", classes=DIGITS, height=8, width=8, channels=1)
    model = onnx.load(tmp_path / "model.onnx")
    model.graph.node.append(helper.make_node("Identity", ["logits"], ["heat"]))
    model.graph.output.append(helper.make_tensor_value_info("heat", TensorProto.FLOAT, ["batch", 10]))
    content = model.SerializeToString()
    (tmp_path / "model.onnx").write_bytes(content)
    about = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    about["sha256"] = hashlib.sha256(content).hexdigest()
    (tmp_path / "model.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"heat maps of the shape \(16, 10\); needed: one an image and class"
    ):
        Classifier(tmp_path, threads=1)


# --- feedback ----------------------------------------------------------------------------------------


def test_feedback_is_kept_once(classifier: Classifier, tmp_path: Path) -> None:
    store = FeedbackStore(tmp_path, limit=1_000_000)
    assert ask(classifier, "GET", "/model", store=store).json()["feedback"] is True
    answers = [
        ask(classifier, "POST", "/feedback", store=store, form={"class": said}) for said in ("cat", "cat", "")
    ]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (201, {"class": "cat", "new": True}),
        (200, {"class": "cat", "new": False}),
        (201, {"class": None, "new": True}),
    ]
    first, second = (json.loads(line) for line in store.lines.read_text(encoding="utf-8").splitlines())
    best = ask(classifier, "POST", "/predict").json()["classes"][0]
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
    answer = ask(classifier, "POST", "/feedback", store=store, content=content, form=form)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    if code == "bad_class":
        assert "airplane, automobile" in answer.json()["error"]["message"]
    assert [path.name for path in tmp_path.rglob("*")] == ["images"]


def test_without_a_folder_there_is_no_feedback(classifier: Classifier) -> None:
    answer = ask(classifier, "POST", "/feedback", form={"class": "cat"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "feedback_off")
    assert "DARKROOM_FEEDBACK" in answer.json()["error"]["message"]
    assert ask(classifier, "GET", "/model").json()["feedback"] is False


def test_a_full_folder_says_so(classifier: Classifier, tmp_path: Path) -> None:
    store = FeedbackStore(tmp_path, limit=10)
    answer = ask(classifier, "POST", "/feedback", store=store, form={"class": "cat"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "feedback_full")


def test_the_description_tells_of_both(classifier: Classifier) -> None:
    document = ask(classifier, "GET", "/openapi.json").json()
    form = document["paths"]["/feedback"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["image", "class"]
    assert form["properties"]["class"]["enum"] == [*CIFAR, ""]
    prediction = document["components"]["schemas"]["Prediction"]
    assert {"input", "heat"} <= set(prediction["properties"])
    assert {"input", "heat"}.isdisjoint(prediction["required"])
    assert "heat" not in json.dumps(document["components"]["schemas"]["Predictions"])
