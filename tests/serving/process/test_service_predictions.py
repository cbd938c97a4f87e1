"""Predictions of a Bento served by `bentoml serve`, over HTTP."""

import numpy as np
import pytest
import requests
from PIL import Image

from darkroom.serving.http.uploads import MAX_IMAGE_BYTES
from tests.helpers.live_service import (
    CLASSES,
    GREY,
    RGB,
    SHAPES,
    ServiceUrl,
    expected,
    model_input,
    refused,
    send,
)
from tests.helpers.serving import CIFAR, CONFIDENT_FROM, encoded, random_image

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("kind", ["cifar10", "digits"])
def test_the_prediction_is_that_of_the_graph_on_the_same_pixels(service_url: ServiceUrl, kind: str) -> None:
    pixels = random_image(*SHAPES[kind])
    response = send(service_url(kind), encoded(pixels), params={"k": 10})
    assert response.status_code == 200
    body = response.json()
    probabilities = expected(pixels, kind)
    order = np.argsort(-probabilities)
    assert [entry["class"] for entry in body["classes"]] == [CLASSES[kind][i] for i in order]
    np.testing.assert_allclose(
        [entry["probability"] for entry in body["classes"]], probabilities[order], atol=1e-6
    )
    assert body["model"] == {"name": kind, "version": "3"}
    assert body["milliseconds"] > 0
    np.testing.assert_array_equal(model_input(response).reshape(pixels.shape), pixels)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


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
    "heic": (encoded(RGB, "HEIF", quality=95), 6),
    "avif": (encoded(RGB, "AVIF", quality=95), 6),
    "jpeg 2000": (encoded(RGB, "JPEG2000", irreversible=False), 0),
    "pnm": (encoded(RGB, "PPM"), 0),
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
def test_common_formats_are_decoded_correctly(url: str, name: str) -> None:
    data, tolerance = KINDS[name]
    response = send(url, data)
    assert response.status_code == 200, response.text
    assert len(response.json()["classes"]) == 3
    assert np.abs(model_input(response).astype(int) - random_image()).mean() <= tolerance


@pytest.mark.parametrize("name", GREYS)
def test_kinds_of_grey_images_are_decoded_correctly(url: str, name: str) -> None:
    response = send(url, GREYS[name])
    assert response.status_code == 200, response.text
    np.testing.assert_array_equal(model_input(response), np.stack([np.asarray(GREY)] * 3, axis=-1))


@pytest.mark.parametrize("k", [1, 10])
def test_k_is_read_from_the_query_or_the_form(url: str, k: int) -> None:
    assert len(send(url, encoded(RGB), params={"k": k}).json()["classes"]) == k
    assert len(send(url, encoded(RGB), form={"k": k}).json()["classes"]) == k


def test_a_batch_is_predicted_in_order(url: str) -> None:
    images = [random_image(seed=seed) for seed in range(7)]
    files = [("images", ("p", encoded(pixels))) for pixels in images]
    response = requests.post(url + "/predict_batch", files=files, params={"k": 1}, timeout=60)
    assert response.status_code == 200
    best = [prediction["classes"][0] for prediction in response.json()["predictions"]]
    for entry, pixels in zip(best, images, strict=True):
        probabilities = expected(pixels)
        assert entry["class"] == CIFAR[int(probabilities.argmax())]
        np.testing.assert_allclose(entry["probability"], probabilities.max(), atol=1e-6)


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_confidence_is_judged_by_the_most_probable_class(url: str, seed: int) -> None:
    pixels = random_image(seed=seed)
    confident = bool(expected(pixels).max() >= CONFIDENT_FROM)
    assert confident == (seed == 1)  # the seeds have both
    for k in (1, 10):
        assert send(url, encoded(pixels), params={"k": k}).json()["confident"] is confident


def test_confidence_is_judged_for_each_image_of_a_batch(url: str) -> None:
    files = [("images", ("p", encoded(random_image(seed=seed)))) for seed in (2, 1, 5)]
    response = requests.post(url + "/predict_batch", files=files, timeout=60).json()
    assert [prediction["confident"] for prediction in response["predictions"]] == [False, True, False]
    assert "confident" not in response


def test_a_model_without_a_confidence_threshold_responds_null(service_url: ServiceUrl) -> None:
    digits = service_url("digits")
    data = encoded(random_image(*SHAPES["digits"]))
    assert send(digits, data).json()["confident"] is None
    batch = requests.post(digits + "/predict_batch", files={"images": data}, timeout=60).json()
    assert [prediction["confident"] for prediction in batch["predictions"]] == [None]
    figures = requests.get(digits + "/metrics", timeout=30).text
    assert "darkroom_predictions_total{" in figures
    assert "darkroom_uncertain_total{" not in figures


def test_an_image_at_the_size_limit_is_accepted(url: str) -> None:
    data = encoded(RGB) + bytes(MAX_IMAGE_BYTES - len(encoded(RGB)))
    assert len(data) == MAX_IMAGE_BYTES
    assert send(url, data).status_code == 200
    assert "10,000,001" in refused(send(url, data + b"\0"), 413, "too_large")
