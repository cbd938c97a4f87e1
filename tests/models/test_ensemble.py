"""An ensemble as one net: the weighted mean of its members, with one trunk, stored and exported as one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from darkroom.models.classifier import Classifier, build_classifier, load_classifier
from darkroom.models.cost import multiply_adds
from darkroom.models.ensemble import EnsembleNet
from darkroom.models.exporting.onnx_graph import export_onnx
from darkroom.models.exporting.parity import parity
from darkroom.training.outputs import write_model
from tests.helpers.backbones import coloured, random_tensors

SIDE = 48
HALF = {"mean": [0.5] * 3, "std": [0.5] * 3}
BASE: dict[str, Any] = {
    **HALF,
    "name": "made",
    "classes": ["left", "middle", "right"],
    "height": SIDE,
    "width": SIDE,
    "channels": 3,
    "views": 2,
    "architecture": "efficientnet_lite0",
    "backbone": {"name": "efficientnet_lite0"},
}
SCRATCH: dict[str, Any] = {
    "from_scratch": True,
    "architecture": "classic",
    "widths": [8, 8],
    "hidden": 16,
    "dropout": 0.0,
    "height": 32,
    "width": 32,
    "mean": [0.4, 0.3, 0.2],
    "std": [0.1, 0.2, 0.3],
}
MEMBERS: list[dict[str, Any]] = [
    {"name": "large", "share": 0.5, "temperature": 0.5, "changes": {"seen_at": [64, 64]}},
    {"name": "as it is", "share": 0.3, "temperature": 1.0, "changes": {}},
    {"name": "scratch", "share": 0.2, "temperature": 2.0, "changes": SCRATCH},
]
CONFIG = {**BASE, "ensemble": MEMBERS}


def ensemble(config: dict[str, Any] = CONFIG) -> Classifier:
    torch.manual_seed(0)
    classifier = build_classifier(config).eval()
    assert isinstance(classifier.net, EnsembleNet)
    trunk = classifier.net.members[0].get_submodule("trunk")
    trunk.load_state_dict(random_tensors())
    return classifier


@torch.inference_mode()
def test_it_is_the_weighted_mean_of_its_members() -> None:
    classifier = ensemble({**CONFIG, "views": 1})
    images = torch.from_numpy(coloured(4, side=SIDE).images)
    net, x = classifier.net, classifier.standardise(images)
    assert isinstance(net, EnsembleNet)
    each = [
        about["share"] * (member(x) / about["temperature"]).softmax(1)
        for about, member in zip(MEMBERS, net.members, strict=True)
    ]
    np.testing.assert_allclose(classifier(images).numpy(), sum(each).numpy(), atol=1e-6)
    # the member from scratch sees the image as its own training standardised it
    scratch = net.members[2]
    seen = scratch.get_submodule("resample")(images.permute(0, 3, 1, 2).float() / 255)
    mean, std = (torch.tensor(SCRATCH[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    own = scratch.get_submodule("net")((seen - mean) / std)
    np.testing.assert_allclose(scratch(x).numpy(), own.numpy(), atol=1e-4)


def test_its_trunk_is_stored_once_and_read_back(tmp_path: Path) -> None:
    classifier = ensemble()
    names = [name for name in classifier.state_dict() if "stem.conv" in name]
    assert names == ["net.members.0.trunk.stem.conv.weight"]
    write_model(classifier, CONFIG, tmp_path)
    again = load_classifier(tmp_path / "model.safetensors", tmp_path / "model_config.json")
    images = torch.from_numpy(coloured(2, side=SIDE).images)
    with torch.inference_mode():
        assert torch.equal(again(images), classifier(images))


def test_weights_that_are_none_are_refused() -> None:
    member = ensemble().net
    for shares in ([1.0], [0.5, 0.6], [1.0, 0.0]):
        with pytest.raises(ValueError, match="their sum has to be 1"):
            EnsembleNet([member, member], shares, [1.0, 1.0])


@pytest.mark.integration
def test_a_cost_is_counted() -> None:
    alone = build_classifier({**BASE, "views": 1}).eval()
    # TensorFlow publishes 407 million multiplications with an addition for 224 by 224 pixels
    assert multiply_adds(alone, shape=(64, 64, 3)) == pytest.approx(407e6 * (64 / 224) ** 2, rel=0.1)
    alone.views = 2
    assert multiply_adds(alone, shape=(64, 64, 3)) == 2 * 31_343_232


@pytest.mark.ci
@pytest.mark.integration
def test_one_graph_gives_what_torch_gives(tmp_path: Path) -> None:
    classifier, graph = ensemble(), tmp_path / "model.onnx"
    export_onnx(classifier, graph, height=SIDE, width=SIDE, channels=3)
    assert graph.stat().st_size < 20e6, "the trunk is in it once"
    report = parity(classifier, graph, coloured(8, side=SIDE), tolerance=1e-4)
    assert report["same_class"] == 1
    assert report["heat_difference"] < 1e-4
