"""The monitor logs predictions without delaying or failing a request."""

import asyncio
import base64
import io
import logging
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from darkroom.images.statistics import STATISTICS, measure
from darkroom.serving.http.app import create_app
from darkroom.serving.metrics import LOG_DROPPED
from darkroom.serving.monitoring import monitor as monitor_module
from darkroom.serving.monitoring.monitor import Monitor
from darkroom.serving.monitoring.prediction_log import PredictionLog, read_predictions
from darkroom.serving.prediction.engine import Engine
from darkroom.serving.prediction.model import Classifier
from tests.helpers.serving import CIFAR, encoded, random_image, write_champion
from tests.helpers.waiting import eventually


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    folder = tmp_path_factory.mktemp("log")
    write_champion(
        folder, name="cifar10", classes=CIFAR, height=32, width=32, channels=3, heat=True, confident_from=0.47
    )
    return Classifier(folder, threads=1)


def predict(
    classifier: Classifier, store: PredictionLog, *, images: int = 1, keep: bool = False
) -> list[Any]:
    """Send one image, then the others as a batch; return the responses once the log is written."""

    async def send() -> list[Any]:
        app = create_app()
        app.state.engine = Engine(classifier, queue_seconds=60)
        app.state.monitor = Monitor(classifier, store=store, keep_images=keep)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            responses = [await client.post("/predict", files={"image": encoded(random_image(seed=1))})]
            more = [("images", encoded(random_image(seed=seed))) for seed in range(2, images + 1)]
            if more:
                responses.append(await client.post("/predict_batch", files=more))
        app.state.monitor.close()
        return responses

    responses = asyncio.run(send())
    assert {response.status_code for response in responses} == {200}
    return [response.json() for response in responses]


def dropped(reason: str) -> float:
    return float(LOG_DROPPED.labels(reason)._value.get())


def test_a_line_holds_the_prediction_and_the_statistics_of_the_image(
    classifier: Classifier, tmp_path: Path
) -> None:
    one, several = predict(classifier, PredictionLog(tmp_path, limit=1_000_000), images=3)
    lines = list(read_predictions(tmp_path))
    assert [line["route"] for line in lines] == ["/predict", "/predict_batch", "/predict_batch"]
    for number, (line, response) in enumerate(zip(lines, [one, *several["predictions"]], strict=True)):
        assert line["time"].endswith("+00:00")
        assert line["model"] == {"name": "cifar10", "version": "3"}
        assert line["class"] == response["classes"][0]["class"]
        assert line["probability"] == pytest.approx(response["classes"][0]["probability"], abs=1e-4)
        assert line["confident"] is response["confident"]
        expected = measure(random_image(seed=number + 1)[None])[0]
        np.testing.assert_allclose([line["image"][name] for name in STATISTICS], expected, atol=1e-4)
        upload = {
            "format": "PNG",
            "width": 32,
            "height": 32,
            "bytes": len(encoded(random_image(seed=number + 1))),
        }
        assert line["upload"] == upload
        assert "png" not in line


def test_images_are_logged_only_on_request(classifier: Classifier, tmp_path: Path) -> None:
    predict(classifier, PredictionLog(tmp_path, limit=1_000_000), keep=True)
    (line,) = read_predictions(tmp_path)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(line["png"]))))
    np.testing.assert_array_equal(pixels, random_image(seed=1))


def test_a_full_disk_is_counted_reported_once_and_stops_nothing(
    classifier: Classifier, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    current = tmp_path / "predictions.jsonl"
    current.symlink_to("/dev/full")  # every write to it fails as on a full disk
    before = dropped("disk")
    store = PredictionLog(tmp_path, limit=1_000_000)
    monitor = Monitor(classifier, store=store)
    done = asyncio.run(Engine(classifier, queue_seconds=60).explain([encoded(random_image())]))

    def offer(count: int) -> None:
        for _ in range(count):  # one after another, so that each is written separately
            monitor.offer("/predict", done)
            eventually(lambda: not monitor._queued_bytes, "the queue is empty", seconds=30)

    with caplog.at_level(logging.WARNING, logger="darkroom"):
        offer(2)
        assert dropped("disk") == before + 2
        (warning,) = caplog.messages
        assert "No space left on device" in warning
        current.unlink()  # there is room again
        offer(1)
        assert len(caplog.messages) == 1
    monitor.close()
    assert dropped("disk") == before + 2
    assert len(list(read_predictions(tmp_path))) == 1


def test_predictions_beyond_the_queue_limit_are_left_out_and_counted(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_module, "MAX_QUEUED_BYTES", 2 * 32 * 32 * 3)
    before = dropped("busy")
    predict(classifier, PredictionLog(tmp_path, limit=1_000_000), images=5)
    assert [line["route"] for line in read_predictions(tmp_path)] == ["/predict"]
    assert dropped("busy") == before + 4
