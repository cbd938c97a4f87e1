"""Classifying images: `k`, heat maps and batches."""

from pathlib import Path

import numpy as np
from onnx import numpy_helper

from darkroom.serving.prediction.model import Classifier
from tests.helpers.app import IMAGE, send
from tests.helpers.serving import CIFAR, DIGITS, linear_graph, random_image, write_champion


def test_heat_maps_are_those_of_the_listed_classes_in_their_order(classifier: Classifier) -> None:
    assert send(classifier, "GET", "/model").json()["heat"] is True
    response = send(classifier, "POST", "/predict?explain=true", fields={"k": "4"}).json()
    (weights,) = (
        numpy_helper.to_array(array)
        for array in linear_graph(32, 32, 3, 10).graph.initializer
        if array.name == "weights"
    )
    by_pixel = (random_image()[..., None] / 255 * weights.reshape(32, 32, 3, 10)).sum(2)
    expected = by_pixel.reshape(8, 4, 8, 4, 10).sum((1, 3))
    order = [CIFAR.index(entry["class"]) for entry in response["classes"]]
    assert len(order) == 4
    np.testing.assert_allclose(response["heat"], np.moveaxis(expected[..., order], -1, 0), atol=0.006)
    assert np.abs(expected).max() > 0.1


def test_heat_maps_are_sent_only_on_request(classifier: Classifier) -> None:
    for path in ("/predict", "/predict?explain=false"):
        assert set(send(classifier, "POST", path).json()) == {"classes", "confident", "model", "milliseconds"}
    response = send(classifier, "POST", "/predict?explain=yes")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_explain")
    assert "'yes'" in response.json()["error"]["message"]


def test_a_batch_has_no_heat_maps(classifier: Classifier) -> None:
    response = send(classifier, "POST", "/predict_batch", files=[("images", IMAGE)])
    (prediction,) = response.json()["predictions"]
    assert set(prediction) == {"classes", "confident"}


def test_a_model_without_heat_maps_responds_with_null(tmp_path: Path) -> None:
    write_champion(tmp_path, name="digits", classes=DIGITS, height=8, width=8, channels=1)
    classifier = Classifier(tmp_path, threads=1)
    assert send(classifier, "POST", "/predict?explain=true").json()["heat"] is None
    assert send(classifier, "GET", "/model").json()["heat"] is False
