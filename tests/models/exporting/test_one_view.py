"""Views only where they matter, in the exported graph: what is served is what torch gives, in any batch."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from darkroom.models.classifier import Classifier, parts_of
from darkroom.models.exporting.onnx_graph import export_onnx
from darkroom.models.exporting.parity import parity
from darkroom.models.one_view import OneView
from darkroom.serving.prediction.runtime import Graph, Prediction
from tests.helpers.models import classifier_of, random_arrays, split_of

pytestmark = pytest.mark.ci  # it exports a net twice over

SHAPE = (20, 17, 3)
TEMPERATURE = 0.05  # of one view


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """Return a classifier for which one view is enough of about half of the images."""
    made = classifier_of("fast", SHAPE, views=6)
    made.temperature = 0.1
    made.one_view = OneView(TEMPERATURE, 0.0)
    with torch.inference_mode():
        confidence = made(torch.from_numpy(random_arrays(70, SHAPE))).amax(1)
    middle = confidence.sort().values[34:36].mean()  # between two images, or rounding would decide on one
    made.one_view = OneView(TEMPERATURE, float(middle))
    return made


@pytest.fixture(scope="module")
def path(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph = tmp_path_factory.mktemp("one view") / "model.onnx"
    export_onnx(classifier, graph, height=SHAPE[0], width=SHAPE[1], channels=SHAPE[2])
    return graph


def test_the_service_gives_what_torch_gives(classifier: Classifier, path: Path) -> None:
    images = random_arrays(37, SHAPE)
    with torch.inference_mode():
        expected = classifier(torch.from_numpy(images)).numpy()
        every, one = (part(torch.from_numpy(images)).numpy() for part in parts_of(classifier))
    served = Graph(path.read_bytes(), threads=1).run(images)
    np.testing.assert_allclose(served, expected, atol=1e-4, rtol=0)
    for other in (every, one):
        assert np.abs(served - other).max() > 1e-3, "some images are answered by each"


def test_an_answer_does_not_depend_on_its_batch(path: Path) -> None:
    images = random_arrays(37, SHAPE)
    graph = Graph(path.read_bytes(), threads=1)
    together = graph.explain(images)
    alone = Prediction.joined([graph.explain(image[None]) for image in images])
    backwards = graph.explain(np.ascontiguousarray(images[::-1]))
    for one, other, last in zip(together, alone, backwards, strict=True):
        assert one is not None
        assert other is not None
        assert last is not None
        np.testing.assert_allclose(one, other, atol=1e-4, rtol=0)
        np.testing.assert_allclose(one, last[::-1], atol=1e-4, rtol=0)


def test_all_views_are_computed_of_the_images_in_doubt_alone(
    classifier: Classifier, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = random_arrays(37, SHAPE)
    assert classifier.one_view is not None
    with torch.inference_mode():
        confidence = parts_of(classifier)[1](torch.from_numpy(images)).amax(1).numpy()
    doubtful = images[confidence < classifier.one_view.enough_from]
    assert 0 < len(doubtful) < 37
    graph = Graph(path.read_bytes(), threads=1)
    computed: list[NDArray[np.uint8]] = []
    run = graph._every.run
    monkeypatch.setattr(graph._every, "run", lambda given: computed.append(given) or run(given))  # type: ignore[func-returns-value]
    graph.explain(images)
    graph.explain(images[confidence >= classifier.one_view.enough_from])
    assert len(computed) == 1, "a batch without doubt needs one run"
    np.testing.assert_array_equal(computed[0], doubtful)


def test_parity_compares_what_is_served(classifier: Classifier, path: Path) -> None:
    report = parity(classifier, path, split_of(SHAPE), tolerance=1e-4)
    assert report["same_class"] == 1.0
    assert report["worst_difference"] <= 1e-4
    assert 0 <= report["heat_difference"] <= 1e-3  # in logits, over a temperature of 0.05
    assert classifier.one_view is not None
    other = classifier_of("fast", SHAPE, views=6)
    other.temperature = classifier.temperature
    other.one_view = OneView(TEMPERATURE, 0.0)  # one view always: not what the graph does
    with pytest.raises(ValueError, match="differ from torch's by up to"):
        parity(other, path, split_of(SHAPE), tolerance=1e-4)


def test_both_ways_share_their_weights_in_the_file(classifier: Classifier, path: Path) -> None:
    weights = sum(weight.numel() * 4 for weight in classifier.parameters())
    stored = sum(len(each.raw_data) for each in onnx.load(path).graph.initializer)
    assert stored < 1.5 * weights
