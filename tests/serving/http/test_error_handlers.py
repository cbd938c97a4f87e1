"""The responses to requests that raise."""

import pytest

from darkroom.serving.errors import too_busy
from darkroom.serving.http.error_handlers import BUSY_SECONDS
from darkroom.serving.prediction.engine import Engine
from darkroom.serving.prediction.model import Classifier
from tests.helpers.app import refused, send


def test_a_refusal_for_load_is_delayed_and_no_other(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    def busy(_: Engine) -> None:
        raise too_busy("Too much.")

    monkeypatch.setattr("darkroom.serving.http.error_handlers.asyncio.sleep", sleep)
    assert send(classifier, "POST", "/predict").status_code == 200
    assert send(classifier, "POST", "/predict?k=0").status_code == 400
    assert slept == []
    monkeypatch.setattr(Engine, "check", busy)
    response = send(classifier, "POST", "/predict")
    assert (response.status_code, response.headers["Retry-After"], slept) == (503, "1", [BUSY_SECONDS])


def test_unknown_paths_and_wrong_methods_have_errors_of_the_same_form(classifier: Classifier) -> None:
    assert "'/nothing'" in refused(send(classifier, "GET", "/nothing"), 404, "unknown_path")
    response = send(classifier, "GET", "/predict")
    assert "/predict does not take GET; use POST" in refused(response, 405, "wrong_method")
    assert response.headers["Allow"] == "POST"
