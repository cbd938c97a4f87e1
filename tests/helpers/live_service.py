"""For tests of a served Bento over HTTP: what to send, and what to expect."""

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
import requests
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.serving import CIFAR, DIGITS, linear_graph, random_image

ServiceUrl = Callable[[str], str]  # the fixture `service_url`: a model's name to its service's URL
SHAPES = {"cifar10": (32, 32, 3), "digits": (8, 8, 1)}
CLASSES = {"cifar10": CIFAR, "digits": DIGITS}
RGB = Image.fromarray(random_image())
GREY = Image.fromarray(random_image(channels=1)[..., 0])


def expected(pixels: NDArray[np.uint8], kind: str = "cifar10") -> NDArray[np.float32]:
    """Return the probabilities `[classes]` of one image, from another runtime than the one that serves."""
    graph = linear_graph(*SHAPES[kind], len(CLASSES[kind])).SerializeToString()
    (probabilities,) = ort.InferenceSession(graph).run(None, {"images": pixels[None]})
    return np.asarray(probabilities[0])


def send(url: str, data: bytes, *, form: Any = None, params: Any = None) -> requests.Response:
    """Send one image to be predicted and explained."""
    files = {"image": ("any.name", data)}
    query = {"explain": "true", **(params or {})}
    return requests.post(url + "/predict", files=files, data=form, params=query, timeout=60)


def model_input(response: requests.Response) -> NDArray[np.uint8]:
    """Return the image as the model got it, from an explained prediction."""
    kind, content = response.json()["input"].split(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def refused(response: requests.Response, status: int, code: str) -> str:
    """Check that a response is the service's error of that code; return its message."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"error"}
    error = response.json()["error"]
    assert set(error) == {"code", "message"}
    assert error["code"] == code
    return str(error["message"])
