"""A real Bento, served by the real `bentoml serve`, asked over real HTTP."""

import base64
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import psutil
import pytest
import requests
from PIL import Image

from darkroom.serving.http.uploads import MAX_BATCH_IMAGES, MAX_IMAGE_BYTES
from darkroom.serving.prediction.model import Classifier
from darkroom.serving.process.bento import bento_version, build_bento
from tests.helpers.serving import (
    CIFAR,
    CONFIDENT_FROM,
    DIGITS,
    PROJECT,
    bento_of,
    encoded,
    linear_graph,
    random_image,
    serve_bento,
    write_champion,
    write_project,
)

pytestmark = pytest.mark.timeout(180)
SHAPES = {"cifar10": (32, 32, 3), "digits": (8, 8, 1)}
CLASSES = {"cifar10": CIFAR, "digits": DIGITS}


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        yield {kind: stack.enter_context(serve_bento(*bento_of(kind)[:2])) for kind in SHAPES}


@pytest.fixture
def url(urls: dict[str, str]) -> Iterator[str]:
    """The CIFAR-like service; after the test it still answers rightly, whatever was sent."""
    yield urls["cifar10"]
    answer = requests.post(urls["cifar10"] + "/predict", files={"image": encoded(random_image())}, timeout=30)
    assert answer.status_code == 200
    np.testing.assert_allclose(
        answer.json()["classes"][0]["probability"], expected(random_image()).max(), atol=1e-6
    )


def expected(pixels: np.ndarray, kind: str = "cifar10") -> np.ndarray:
    graph = linear_graph(*SHAPES[kind], len(CLASSES[kind])).SerializeToString()
    (probabilities,) = ort.InferenceSession(graph).run(None, {"images": pixels[None]})
    return np.asarray(probabilities[0])


def send(url: str, data: bytes, *, form: Any = None, params: Any = None) -> requests.Response:
    files = {"image": ("any.name", data)}
    asked = {"explain": "true", **(params or {})}
    return requests.post(url + "/predict", files=files, data=form, params=asked, timeout=60)


def seen(answer: requests.Response) -> np.ndarray:
    kind, content = answer.json()["input"].split(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def refused(answer: requests.Response, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert set(error) == {"code", "message"}
    assert error["code"] == code
    return str(error["message"])


# --- good images -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["cifar10", "digits"])
def test_the_answer_is_that_of_the_graph_on_the_very_pixels(urls: dict[str, str], kind: str) -> None:
    pixels = random_image(*SHAPES[kind])
    answer = send(urls[kind], encoded(pixels), params={"k": 10})
    assert answer.status_code == 200
    body = answer.json()
    probabilities = expected(pixels, kind)
    order = np.argsort(-probabilities)
    assert [entry["class"] for entry in body["classes"]] == [CLASSES[kind][i] for i in order]
    np.testing.assert_allclose(
        [entry["probability"] for entry in body["classes"]], probabilities[order], atol=1e-6
    )
    assert body["model"] == {"name": kind, "version": "3"}
    assert body["milliseconds"] > 0
    np.testing.assert_array_equal(seen(answer).reshape(pixels.shape), pixels)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


RGB = Image.fromarray(random_image())
GREY = Image.fromarray(random_image(channels=1)[..., 0])
KINDS = {
    "png": (encoded(RGB, "PNG"), 0),
    "jpeg": (encoded(RGB, "JPEG", quality=95), 3),
    "webp": (encoded(RGB, "WEBP", lossless=True), 0),
    "bmp": (encoded(RGB, "BMP"), 0),
    "tiff": (encoded(RGB, "TIFF"), 0),
    "gif, animated": (
        encoded(RGB, "GIF", save_all=True, append_images=[Image.new("RGB", (32, 32), "red")]),
        6,
    ),
    "cmyk jpeg": (encoded(RGB.convert("CMYK"), "JPEG", quality=95), 6),
    "transparent": (encoded(RGB.convert("RGBA"), "PNG"), 0),
    "exif": (encoded(RGB.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif(6)), 0),
    "larger": (encoded(RGB.resize((640, 640), Image.Resampling.BICUBIC), "PNG"), 3),
}
GREYS = {
    "l": encoded(GREY),
    "la": encoded(GREY.convert("LA")),
    "i;16": encoded(Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257)),
    "palette": encoded(GREY.convert("P"), "PNG"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_usual_format_is_seen_rightly(url: str, name: str) -> None:
    data, tolerance = KINDS[name]
    answer = send(url, data)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["classes"]) == 3
    assert np.abs(seen(answer).astype(int) - random_image()).mean() <= tolerance


@pytest.mark.parametrize("name", GREYS)
def test_every_kind_of_grey_is_seen_rightly(url: str, name: str) -> None:
    answer = send(url, GREYS[name])
    assert answer.status_code == 200, answer.text
    np.testing.assert_array_equal(seen(answer), np.stack([np.asarray(GREY)] * 3, axis=-1))


@pytest.mark.parametrize("k", [1, 10])
def test_k_is_taken_from_the_address_or_the_form(url: str, k: int) -> None:
    assert len(send(url, encoded(RGB), params={"k": k}).json()["classes"]) == k
    assert len(send(url, encoded(RGB), form={"k": k}).json()["classes"]) == k


def test_a_batch_answers_in_order(url: str) -> None:
    images = [random_image(seed=seed) for seed in range(7)]
    files = [("images", ("p", encoded(pixels))) for pixels in images]
    answer = requests.post(url + "/predict_batch", files=files, params={"k": 1}, timeout=60)
    assert answer.status_code == 200
    best = [prediction["classes"][0] for prediction in answer.json()["predictions"]]
    for entry, pixels in zip(best, images, strict=True):
        probabilities = expected(pixels)
        assert entry["class"] == CIFAR[int(probabilities.argmax())]
        np.testing.assert_allclose(entry["probability"], probabilities.max(), atol=1e-6)


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_sure_is_told_from_the_first_class(url: str, seed: int) -> None:
    pixels = random_image(seed=seed)
    confident = bool(expected(pixels).max() >= CONFIDENT_FROM)
    assert confident == (seed == 1)  # there is one of each
    for k in (1, 10):
        assert send(url, encoded(pixels), params={"k": k}).json()["confident"] is confident


def test_sure_is_told_for_each_image_of_a_batch(url: str) -> None:
    files = [("images", ("p", encoded(random_image(seed=seed)))) for seed in (2, 1, 5)]
    answer = requests.post(url + "/predict_batch", files=files, timeout=60).json()
    assert [prediction["confident"] for prediction in answer["predictions"]] == [False, True, False]
    assert "confident" not in answer


def test_a_model_without_sure_from_answers_null(urls: dict[str, str]) -> None:
    data = encoded(random_image(*SHAPES["digits"]))
    assert send(urls["digits"], data).json()["confident"] is None
    batch = requests.post(urls["digits"] + "/predict_batch", files={"images": data}, timeout=60).json()
    assert [prediction["confident"] for prediction in batch["predictions"]] == [None]
    figures = requests.get(urls["digits"] + "/metrics", timeout=30).text
    assert "darkroom_predictions_total{" in figures
    assert "darkroom_uncertain_total{" not in figures


def test_an_image_of_nearly_the_limit_is_taken(url: str) -> None:
    data = encoded(RGB) + bytes(MAX_IMAGE_BYTES - len(encoded(RGB)))
    assert len(data) == MAX_IMAGE_BYTES
    assert send(url, data).status_code == 200
    assert "10,000,001" in refused(send(url, data + b"\0"), 413, "too_large")


# --- bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "empty"),
        (b"no image at all", 422, "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "not_an_image"),
        (encoded(RGB)[:-400], 422, "broken_image"),
        (encoded(RGB, "JPEG")[:-60], 422, "broken_image"),
        (encoded(Image.new("1", (10_000, 5_001))), 413, "too_many_pixels"),
    ],
    ids=["empty", "text", "svg", "short png", "short jpeg", "50.01 megapixels"],
)
def test_bad_images_get_a_clear_error(url: str, data: bytes, status: int, code: str) -> None:
    message = refused(send(url, data), status, code)
    assert len(message) > 30
    assert "Traceback" not in message
    assert "/" not in message.replace("/docs", "")  # no path of the server's


def test_a_huge_upload_of_announced_length_is_refused(url: str) -> None:
    message = refused(send(url, bytes(11_000_000)), 413, "too_large")
    assert "10,000,000" in message


FORM = {"Content-Type": "multipart/form-data; boundary=cut"}
PART = b'--cut\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'


def test_a_chunked_upload_is_counted_while_it_streams(url: str) -> None:
    def body() -> Iterator[bytes]:
        yield PART
        for _ in range(120):
            yield bytes(100_000)

    answer = requests.post(url + "/predict", data=body(), headers=FORM, timeout=60)
    refused(answer, 413, "too_large")


def test_an_upload_that_never_ends_is_answered_while_it_runs(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=60)) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/form-data; boundary=cut\r\n\r\n"
        )
        chunk = b"%x\r\n%s\r\n"
        connection.sendall(chunk % (len(PART), PART))
        for _ in range(11):
            connection.sendall(chunk % (1_000_000, bytes(1_000_000)))
        # the body has not ended and never will
        answer = b""
        while b"too_large" not in answer:
            received = connection.recv(65536)
            assert received, answer
            answer += received
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("files", "data", "code"),
    [
        ({"photo": encoded(RGB)}, None, "unknown_field"),
        ({"image": encoded(RGB), "other": b"x"}, None, "unknown_field"),
        ([("image", encoded(RGB)), ("image", encoded(RGB))], None, "too_many_images"),
        ({"k": (None, "3")}, None, "no_image"),
        ({"image": (None, "http://127.0.0.1/a.png")}, None, "not_a_file"),
        ({"image": encoded(RGB)}, {"k": "0"}, "bad_k"),
        ({"image": encoded(RGB)}, {"k": "11"}, "bad_k"),
        ({"image": encoded(RGB)}, {"k": "many"}, "bad_k"),
    ],
)
def test_wrong_fields_are_named(url: str, files: Any, data: Any, code: str) -> None:
    refused(requests.post(url + "/predict", files=files, data=data, timeout=30), 400, code)


@pytest.mark.parametrize("kind", ["image/png", "application/json", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_no_form_is_refused(url: str, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = requests.post(url + "/predict", data=encoded(RGB), headers=headers, timeout=30)
    assert "multipart/form-data" in refused(answer, 415, "not_a_form")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--cut\r\n"),
        ("multipart/form-data; boundary=cut", b"no boundary here"),
        (
            "multipart/form-data; boundary=cut",
            b"--cut\r\nContent-Disposition: form-data\r\n\r\nx\r\n--cut--\r\n",
        ),
    ],
)
def test_a_malformed_form_is_refused(url: str, kind: str, body: bytes) -> None:
    answer = requests.post(url + "/predict", data=body, headers={"Content-Type": kind}, timeout=30)
    refused(answer, 400, "bad_form")


@pytest.mark.parametrize(("method", "path"), [("GET", "/predict"), ("PUT", "/predict"), ("POST", "/model")])
def test_a_wrong_method_is_refused(url: str, method: str, path: str) -> None:
    answer = requests.request(method, url + path, timeout=30)
    assert path in refused(answer, 405, "wrong_method")
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/nothing", "/static_content/index.css", "/page/../app.py", "/page/%2e%2e/app.py"]
)
def test_an_unknown_path_is_refused(url: str, path: str) -> None:
    session = requests.Session()
    request = requests.Request("GET", url).prepare()
    request.url = url + path  # as it is, not tidied
    refused(session.send(request, timeout=30), 404, "unknown_path")


def test_a_batch_with_a_bad_image_names_it(url: str) -> None:
    files = [("images", encoded(RGB)), ("images", b"bad"), ("images", encoded(RGB))]
    answer = requests.post(url + "/predict_batch", files=files, timeout=30)
    assert "Image 2 of 3" in refused(answer, 422, "not_an_image")


def test_a_batch_has_limits(url: str) -> None:
    files = [("images", encoded(RGB))] * (MAX_BATCH_IMAGES + 1)
    answer = requests.post(url + "/predict_batch", files=files, timeout=30)
    assert "65" in refused(answer, 413, "too_many_images")
    files = [("images", bytes(9_000_000))] * 5
    refused(requests.post(url + "/predict_batch", files=files, timeout=60), 413, "too_large")


def test_nothing_that_a_client_names_is_fetched_or_opened(url: str, tmp_path: Path) -> None:
    """A listener stands where the uploads point; it is never asked."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(RGB))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        link = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
        svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{link}"/></svg>'
        for text in (link, str(secret), secret.as_uri(), svg):
            refused(
                requests.post(url + "/predict", files={"image": (None, text)}, timeout=30),
                400,
                "not_a_file",
            )
            refused(send(url, text.encode()), 422, "not_an_image")
            named = requests.post(url + "/predict", files={"image": (text, b"x")}, timeout=30)
            refused(named, 422, "not_an_image")
            query = requests.post(url + "/predict", params={"image": text, "url": text}, timeout=30)
            refused(query, 415, "not_a_form")
        for options in (
            {"json": {"image": link}},
            {"json": {"images": [link]}},
            {"json": {"args": [link], "kwargs": {"image": {"url": link}}}},
            {"data": {"image": link}},
            {"data": link, "headers": {"Content-Type": "text/uri-list"}},
            {"data": link, "headers": {"Content-Type": "image/png", "Content-Location": link}},
        ):  # the forms in which BentoML's own endpoints take a file, or its address
            for path in ("/predict", "/predict_batch"):
                refused(requests.post(url + path, **options, timeout=30), 415, "not_a_form")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody waits to be let in
            listener.accept()
        with closing(socket.create_connection(listener.getsockname())):  # had one come, this is how it shows
            listener.accept()[0].close()


# --- everything else ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["cifar10", "digits"])
def test_model_tells_what_it_is(urls: dict[str, str], kind: str) -> None:
    body = requests.get(urls[kind] + "/model", timeout=30).json()
    assert (body["name"], body["version"], body["classes"]) == (kind, "3", list(CLASSES[kind]))
    assert (body["height"], body["width"], body["channels"]) == SHAPES[kind]
    assert body["test"]["accuracy"] == 0.9371
    new = kind == "cifar10"
    assert (body["confident_from"], body["card"]) == ((CONFIDENT_FROM, True) if new else (None, False))
    assert body["limits"]["image_bytes"] == MAX_IMAGE_BYTES


def test_metrics_count_predictions_and_refusals(url: str) -> None:
    def figure(line: str) -> float:
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
    still = f'darkroom_uncertain_total{{class="{best}"}}'
    before = [figure(line) for line in (*lines, seconds, still)]
    assert send(url, encoded(RGB)).status_code == 200
    assert send(url, encoded(random_image(seed=2))).status_code == 200
    assert send(url, b"").status_code == 422
    added = [1] * len(lines) + [2, 0]
    after = [figure(line) for line in (*lines, seconds, still)]
    assert after == [count + more for count, more in zip(before, added, strict=True)]


def test_figures_do_not_grow_with_what_is_asked_for(url: str) -> None:
    def lines() -> list[str]:
        return requests.get(url + "/metrics", timeout=30).text.splitlines()

    requests.get(url + "/nothing", timeout=30)
    before = len(lines())
    for number in range(20):
        refused(requests.get(f"{url}/secret-{number}", timeout=30), 404, "unknown_path")
        refused(send(url, encoded(RGB), params={"k": f"secret-{number}"}), 400, "bad_k")
    after = lines()
    assert not [line for line in after if "secret" in line]
    assert len(after) <= before + 2  # the counter of bad_k, and when it was made


def test_it_listens_on_loopback_although_nobody_said_so(url: str) -> None:
    """`serving` gives no --host, and BentoML's default is every interface."""
    port = int(url.rpartition(":")[2])
    listening = [
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    ]
    assert set(listening) == {"127.0.0.1"}


def test_a_client_that_calls_itself_another_is_not_believed() -> None:
    with serve_bento(*bento_of("cifar10")[:2], settings={"DARKROOM_RATE": "30"}) as url:
        answers = [
            requests.get(url + "/model", headers={"X-Forwarded-For": f"192.0.2.{number}"}, timeout=30)
            for number in range(30)
        ]
        refusals = [answer for answer in answers if answer.status_code == 429]
        assert len(refusals) >= 10  # five at once, and one every two seconds
        assert "127.0.0.1" in refused(refusals[0], 429, "too_many_requests")
        assert int(refusals[0].headers["retry-after"]) >= 1
        assert requests.get(url + "/livez", timeout=30).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_probes_answer(url: str, path: str) -> None:
    assert requests.get(url + path, timeout=30).status_code == 200


def test_the_api_is_described(url: str) -> None:
    page = requests.get(url + "/docs", timeout=30)
    assert page.headers["content-type"].startswith("text/html")
    api = requests.get(url + "/openapi.json", timeout=30).json()
    assert api == requests.get(url + "/docs.json", timeout=30).json()
    assert api["openapi"].startswith("3.")
    for path, methods in api["paths"].items():  # what is described is there
        for method in methods:
            answer = requests.request(method, url + path, timeout=30)
            off = path == "/feedback" and answer.json()["error"]["code"] == "feedback_off"
            assert answer.status_code in (200, 415) or off, path
    answer = send(url, encoded(RGB)).json()
    schemas = api["components"]["schemas"]
    assert set(answer) == set(schemas["Prediction"]["properties"])
    assert set(answer) - {"input", "heat"} == set(schemas["Prediction"]["required"])
    batch = requests.post(url + "/predict_batch", files={"images": encoded(RGB)}, timeout=30).json()
    assert set(batch["predictions"][0]) == set(
        schemas["Predictions"]["properties"]["predictions"]["items"]["properties"]
    )
    assert set(schemas["Model"]["required"]) <= set(requests.get(url + "/model", timeout=30).json())
    assert f"{CONFIDENT_FROM} or more" in schemas["Prediction"]["properties"]["confident"]["description"]


def test_every_answer_forbids_foreign_content(url: str) -> None:
    for path in ("/", "/docs", "/page/page.js", "/model", "/nothing"):
        headers = requests.get(url + path, timeout=30).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'"), path
        assert headers["x-content-type-options"] == "nosniff"
    page = requests.get(url + "/", timeout=30).text
    assert "<title>Darkroom</title>" in page  # and not BentoML's own page
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


def test_the_card_has_a_policy_of_its_own(url: str) -> None:
    answer = requests.get(url + "/card", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1" in answer.text
    assert "&lt;things&gt;" in answer.text
    # one header, not two whose intersection would forbid the card's style
    assert answer.raw.headers.getlist("content-security-policy") == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_model_without_a_card_says_so(urls: dict[str, str]) -> None:
    answer = requests.get(urls["digits"] + "/card", timeout=30)
    assert "Version 3 of digits was registered without a model card" in refused(answer, 404, "no_card")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")


# --- the Bento ---------------------------------------------------------------------------------------


def test_the_archive_holds_the_service_and_the_model_and_serves_alone(tmp_path: Path) -> None:
    _, tag, archive = bento_of("digits")
    with tarfile.open(archive) as bento:
        names = set(bento.getnames())
        bento.extractall(tmp_path, filter="data")
    files = {name.removeprefix("./") for name in names}
    champion = "src/models/champion/"
    assert {name for name in files if name.startswith(champion) and "." in name} == {
        f"{champion}model.onnx",
        f"{champion}model.json",
    }
    assert "src/src/darkroom/serving/page/index.html" in files
    code = {name for name in files if name.endswith(".py") and name.startswith("src/")}
    rooms = ("src/src/darkroom/serving/", "src/src/darkroom/images/")
    assert all(name.startswith(rooms) for name in code - {"src/src/darkroom/__init__.py"})
    requirements = (tmp_path / "env/python/requirements.txt").read_text()
    assert "://" not in requirements
    assert not re.search(r"^(torch|mlflow)", requirements, re.MULTILINE)
    with serve_bento(tmp_path / "empty-store", ".", cwd=tmp_path) as url:
        assert requests.get(url + "/model", timeout=30).json()["name"] == "digits"
    assert tag.startswith("darkroom-digits:3-")


def test_a_new_card_is_in_the_bento_and_its_version(tmp_path: Path) -> None:
    with tarfile.open(bento_of("cifar10")[2]) as bento:
        assert "src/models/champion/card.html" in {name.removeprefix("./") for name in bento.getnames()}
    write_project(tmp_path)
    champion = tmp_path / "models/champion"
    write_champion(champion, name="digits", classes=DIGITS, height=8, width=8, channels=1)
    versions = [bento_version(tmp_path, "3")]
    for text in ("one", "two"):
        (champion / "card.html").write_text(text)
        versions.append(bento_version(tmp_path, "3"))
    assert len(set(versions)) == 3


def test_the_service_imports_neither_torch_nor_mlflow(tmp_path: Path) -> None:
    with tarfile.open(bento_of("cifar10")[2]) as bento:
        bento.extractall(tmp_path, filter="data")
    script = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "mlflow", "optuna", "pandas"):
            raise AssertionError("imported " + name)
sys.meta_path.insert(0, Refuse())
from src.darkroom.serving.process.service import Darkroom
Darkroom()
print("served", "torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path / "src", capture_output=True, text=True
    )
    assert done.stdout.strip() == "served False", done.stderr


def test_the_same_name_and_version_is_replaced(tmp_path: Path) -> None:
    project = tmp_path / ".hidden/project"  # as under .dvc/tmp, where `dvc exp run --temp` works
    write_project(project)
    champion = project / "models/champion"
    write_champion(champion, name="digits", classes=DIGITS, height=8, width=8, channels=1)
    first = bento_version(project, "3")
    assert first == bento_version(project, "3")
    options: dict[str, Any] = {"name": "darkroom-x", "version": "1", "archive": tmp_path / "x.bento"}
    build_bento(project, **options, home=tmp_path / "home")
    write_champion(
        champion, name="digits", classes=DIGITS, height=8, width=8, channels=1, architecture="other"
    )
    built = build_bento(project, **options, home=tmp_path / "home")
    assert built == {"tag": "darkroom-x:1", "bytes": (tmp_path / "x.bento").stat().st_size}
    with tarfile.open(tmp_path / "x.bento") as bento:
        name = next(name for name in bento.getnames() if name.endswith("champion/model.json"))
        content = bento.extractfile(name)
        assert content is not None
        assert json.load(content)["architecture"] == "other"
    assert bento_version(project, "3") != first
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "home", "x.bento"]


def test_a_failed_build_says_why_and_leaves_the_archive(tmp_path: Path) -> None:
    project, archive = tmp_path / "project", tmp_path / "x.bento"
    write_project(project)
    write_champion(project / "models/champion", name="digits", classes=DIGITS, height=8, width=8, channels=1)
    recipe = project / "bentofile.yaml"
    recipe.write_text(recipe.read_text().replace("service:Darkroom", "service:Lightroom"))
    archive.write_bytes(b"before")
    with pytest.raises(RuntimeError, match="Lightroom"):
        build_bento(project, name="darkroom-x", version="1", archive=archive, home=tmp_path / "home")
    assert archive.read_bytes() == b"before"


def test_the_package_stage_builds_and_serve_finds_it(tmp_path: Path) -> None:
    write_project(tmp_path)
    shutil.copytree(PROJECT / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    def module(*arguments: str, path: str = "src") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )

    nothing = module("darkroom.serving")
    assert nothing.returncode == 1
    assert "make quickstart" in nothing.stderr
    write_champion(tmp_path / "models/champion", name="digits", classes=DIGITS, height=8, width=8, channels=1)
    done = module("pipeline.package", path="")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "reports/bento.json").read_text())
    assert report["tag"] in done.stdout
    assert report == {"tag": report["tag"], "model_version": "3"}, (
        "no size, which differs between equal builds"
    )
    assert (tmp_path / "models/darkroom.bento").stat().st_size > 0
    assert (tmp_path / ".bentoml/bentos/darkroom-digits").is_dir()
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        busy = module("darkroom.serving", "--port", str(taken.getsockname()[1]))
    assert busy.returncode == 1
    assert "--port" in busy.stderr
    environment["DARKROOM_WORKERS"] = "none"
    wrong = module("darkroom.serving")
    assert wrong.returncode == 1
    assert "DARKROOM_WORKERS is 'none'" in wrong.stderr
    del environment["DARKROOM_WORKERS"]
    unknown = module("darkroom.serving", "--bento", "no:1")
    assert unknown.returncode == 1
    assert report["tag"] in unknown.stderr


def test_serve_requirements_are_the_locked_versions() -> None:
    pin = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*\\?$", re.MULTILINE)
    lines = (PROJECT / "requirements/serve.txt").read_text()
    served = set(pin.findall(lines))
    locked = set(pin.findall((PROJECT / "requirements/dev.lock").read_text()))
    assert len(served) == sum(bool(line) and not line.startswith("#") for line in lines.splitlines())
    assert served - locked == set()


# --- the model ---------------------------------------------------------------------------------------


def test_a_graph_that_its_description_does_not_fit_is_refused(tmp_path: Path) -> None:
    def broken(message: str, error: type[Exception] = ValueError, **changes: Any) -> None:
        shape: dict[str, Any] = {"name": "x", "classes": DIGITS, "height": 8, "width": 8, "channels": 1}
        write_champion(tmp_path, **shape)
        about = json.loads((tmp_path / "model.json").read_text()) | changes
        about = {key: value for key, value in about.items() if value is not None}
        (tmp_path / "model.json").write_text(json.dumps(about))
        with pytest.raises(error, match=message):
            Classifier(tmp_path)

    with pytest.raises(FileNotFoundError, match="dvc repro register"):
        Classifier(tmp_path)
    broken("two come from different runs", sha256="0" * 64)
    broken("lacks classes", classes=None)
    broken("names 3 classes", classes=["a", "b", "c"])
    broken("promises one uint8 input", width=9)
    for wrong in (1.01, -0.1, 62, float("nan"), True, "0.5", [0.5]):
        broken("needed: a number from 0 to 1", confident_from=wrong)


@pytest.mark.parametrize(
    ("extra", "answers"),
    [
        ({}, [None, None, None]),
        ({"confident_from": None}, [None, None, None]),
        ({"confident_from": 0.62}, [False, True, True]),
        ({"confident_from": 0}, [True, True, True]),
        ({"confident_from": 1}, [False, False, True]),
    ],
)
def test_an_answer_is_sure_from_its_confidence_on(
    tmp_path: Path, extra: dict[str, Any], answers: list[bool | None]
) -> None:
    write_champion(tmp_path, name="x", classes=DIGITS, height=8, width=8, channels=1, **extra)
    classifier = Classifier(tmp_path)
    assert [classifier.is_confident(probability) for probability in (0.6199, 0.62, 1.0)] == answers
    assert classifier.card is None


def test_any_batch_size_is_predicted(tmp_path: Path) -> None:
    write_champion(tmp_path, name="x", classes=DIGITS, height=8, width=8, channels=1)
    classifier = Classifier(tmp_path)
    pixels = np.stack([random_image(8, 8, 1, seed=seed) for seed in range(5)])
    together = classifier.predict(pixels)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    for row, one in zip(together, pixels, strict=True):
        np.testing.assert_allclose(classifier.predict(one[None])[0], row, atol=1e-6)
    with pytest.raises(ValueError, match="float32"):
        classifier.predict(pixels.astype(np.float32))
