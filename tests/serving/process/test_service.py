"""A Bento served by `bentoml serve`: metrics, limits, probes, description and headers, over HTTP."""

import re

import psutil
import pytest
import requests

from darkroom.serving.http.uploads import MAX_IMAGE_BYTES
from tests.helpers.live_service import CLASSES, RGB, SHAPES, ServiceUrl, expected, refused, send
from tests.helpers.serving import CIFAR, CONFIDENT_FROM, bento_of, encoded, random_image, serve_bento

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("kind", ["cifar10", "digits"])
def test_the_model_is_described(service_url: ServiceUrl, kind: str) -> None:
    body = requests.get(service_url(kind) + "/model", timeout=30).json()
    assert (body["name"], body["version"], body["classes"]) == (kind, "3", list(CLASSES[kind]))
    assert (body["height"], body["width"], body["channels"]) == SHAPES[kind]
    assert body["test"]["accuracy"] == 0.9371
    new = kind == "cifar10"
    assert (body["confident_from"], body["card"]) == ((CONFIDENT_FROM, True) if new else (None, False))
    assert body["limits"]["image_bytes"] == MAX_IMAGE_BYTES


def test_metrics_count_predictions_and_refusals(url: str) -> None:
    def metric(line: str) -> float:
        text = requests.get(url + "/metrics", timeout=30).text
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    best, uncertain = (CIFAR[int(expected(random_image(seed=seed)).argmax())] for seed in (1, 2))
    assert best != uncertain
    lines = (
        f'darkroom_predictions_total{{class="{best}"}}',
        f'darkroom_predictions_total{{class="{uncertain}"}}',
        f'darkroom_uncertain_total{{class="{uncertain}"}}',
        'darkroom_rejected_total{reason="empty"}',
    )
    seconds = 'darkroom_prediction_seconds_count{route="/predict"}'
    unchanged = f'darkroom_uncertain_total{{class="{best}"}}'
    before = [metric(line) for line in (*lines, seconds, unchanged)]
    assert send(url, encoded(RGB)).status_code == 200
    assert send(url, encoded(random_image(seed=2))).status_code == 200
    assert send(url, b"").status_code == 422
    added = [1] * len(lines) + [2, 0]
    after = [metric(line) for line in (*lines, seconds, unchanged)]
    assert after == [count + more for count, more in zip(before, added, strict=True)]


def test_the_number_of_metrics_does_not_grow_with_requested_paths(url: str) -> None:
    def lines() -> list[str]:
        return requests.get(url + "/metrics", timeout=30).text.splitlines()

    requests.get(url + "/nothing", timeout=30)
    before = len(lines())
    for number in range(20):
        refused(requests.get(f"{url}/secret-{number}", timeout=30), 404, "unknown_path")
        refused(send(url, encoded(RGB), params={"k": f"secret-{number}"}), 400, "bad_k")
    after = lines()
    assert not [line for line in after if "secret" in line]
    assert len(after) <= before + 2  # the counter of bad_k, and when it was created


def test_it_listens_on_loopback_by_default(url: str) -> None:
    """`serve_bento` gives no --host, and BentoML's default is every interface."""
    port = int(url.rpartition(":")[2])
    listening = [
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    ]
    assert set(listening) == {"127.0.0.1"}


def test_a_forged_client_address_is_ignored() -> None:
    with serve_bento(*bento_of("cifar10")[:2], settings={"DARKROOM_RATE": "30"}) as url:
        responses = [
            requests.get(url + "/model", headers={"X-Forwarded-For": f"192.0.2.{number}"}, timeout=30)
            for number in range(30)
        ]
        refusals = [response for response in responses if response.status_code == 429]
        assert len(refusals) >= 10  # five at once, and one every two seconds
        assert "127.0.0.1" in refused(refusals[0], 429, "too_many_requests")
        assert int(refusals[0].headers["retry-after"]) >= 1
        assert requests.get(url + "/livez", timeout=30).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_probes_respond(url: str, path: str) -> None:
    assert requests.get(url + path, timeout=30).status_code == 200


def test_the_api_is_described(url: str) -> None:
    page = requests.get(url + "/docs", timeout=30)
    assert page.headers["content-type"].startswith("text/html")
    api = requests.get(url + "/openapi.json", timeout=30).json()
    assert api == requests.get(url + "/docs.json", timeout=30).json()
    assert api["openapi"].startswith("3.")
    for path, methods in api["paths"].items():  # what is described exists
        for method in methods:
            response = requests.request(method, url + path, timeout=30)
            off = path == "/feedback" and response.json()["error"]["code"] == "feedback_off"
            assert response.status_code in (200, 415) or off, path
    response = send(url, encoded(RGB)).json()
    schemas = api["components"]["schemas"]
    assert set(response) == set(schemas["Prediction"]["properties"])
    assert set(response) - {"input", "heat"} == set(schemas["Prediction"]["required"])
    batch = requests.post(url + "/predict_batch", files={"images": encoded(RGB)}, timeout=30).json()
    each = schemas["Predictions"]["properties"]["predictions"]["items"]
    assert each == {"$ref": "#/components/schemas/ImagePrediction"}
    assert set(batch["predictions"][0]) == set(schemas["ImagePrediction"]["properties"])
    assert set(schemas["Model"]["required"]) <= set(requests.get(url + "/model", timeout=30).json())
    assert f"{CONFIDENT_FROM} or more" in schemas["Prediction"]["properties"]["confident"]["description"]


def test_every_response_forbids_content_of_other_origins(url: str) -> None:
    for path in ("/", "/docs", "/page/main.js", "/model", "/nothing"):
        headers = requests.get(url + path, timeout=30).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'"), path
        assert headers["x-content-type-options"] == "nosniff"
    page = requests.get(url + "/", timeout=30).text
    assert "<title>Darkroom</title>" in page  # rather than BentoML's page
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


def test_the_model_card_has_its_own_content_security_policy(url: str) -> None:
    response = requests.get(url + "/card", timeout=30)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1" in response.text
    assert "&lt;things&gt;" in response.text
    # one header: browsers enforce every header, and two would forbid the card's style
    assert response.raw.headers.getlist("content-security-policy") == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


def test_a_missing_model_card_is_reported(service_url: ServiceUrl) -> None:
    response = requests.get(service_url("digits") + "/card", timeout=30)
    assert "Version 3 of digits was registered without a model card" in refused(response, 404, "no_card")
    assert response.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
