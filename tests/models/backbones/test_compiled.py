"""The trunk on OpenVINO gives what torch gives, for every view, and is compiled again where it changed."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from darkroom.data.splits import Split
from darkroom.models import inference
from darkroom.models.backbones import compiled
from darkroom.models.backbones.compiled import compiled_features
from darkroom.models.backbones.net import BackboneNet
from darkroom.models.classifier import Classifier
from tests.helpers.backbones import LITE0, coloured, random_tensors

CPU = torch.device("cpu")
pytestmark = pytest.mark.ci  # compiling takes seconds


@pytest.fixture(autouse=True)
def _nothing_compiled() -> Iterator[None]:
    compiled._LAST.clear()
    yield
    compiled._LAST.clear()


def classifier(*, channels: int = 3, views: int = 1, seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    net = BackboneNet(LITE0.build(), features=LITE0.features, classes=3)
    net.trunk.load_state_dict(random_tensors())
    mean, std = LITE0.standardisation(channels)
    return Classifier(net, mean=mean, std=std, views=views).eval()


@pytest.mark.parametrize("channels", [1, 3])
def test_features_and_probabilities_are_those_of_torch(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "PAYS_FROM", 1)
    split = coloured(19, channels=channels)
    for views in (1, 2):
        model = classifier(channels=channels, views=views)
        by_torch = inference.predict(model, split, device=CPU, progress=False, by_torch=True)
        assert not compiled._LAST or views > 1
        quick = inference.predict(model, split, device=CPU, progress=False)
        np.testing.assert_allclose(quick, by_torch, atol=1e-4)
        with torch.inference_mode():
            logits = model.logits(torch.from_numpy(split.images)).numpy()
        np.testing.assert_allclose(inference.predict_logits(model, split, device=CPU), logits, atol=1e-4)
        net = model.net
        assert isinstance(net, BackboneNet)
        with torch.inference_mode():
            expected = net.features(model.standardise(torch.from_numpy(split.images))).numpy()
        (compute,) = compiled._LAST.values()
        np.testing.assert_allclose(compute(split.images), expected, atol=1e-4 * np.abs(expected).max())


def test_other_weights_are_never_computed_with_the_old_ones() -> None:
    images = coloured(2).images
    one = classifier()
    net = one.net
    assert isinstance(net, BackboneNet)
    how: dict[str, Any] = {"mean": one.mean, "std": one.std, "shape": images.shape[1:], "threads": 1}
    first = compiled_features(net, **how)
    assert sys.modules["openvino_telemetry"] is None, "the tool that converts a net would send telemetry"
    assert compiled_features(net, **how) is first
    before = first(images)
    with torch.no_grad():
        net.trunk.get_parameter("last.norm.bias").add_(1.0)
    assert not np.allclose(compiled_features(net, **how)(images), before)


def test_few_images_are_predicted_by_torch() -> None:
    inference.predict(classifier(), coloured(4), device=CPU, progress=False)
    assert not compiled._LAST


def test_a_split_of_one_image_is_not_many() -> None:
    one = Split(coloured(1).images, coloured(1).labels)
    assert not inference._is_quick(classifier(), one, CPU)
