"""Each head in the exported graph: the same probabilities as in torch, in both runtimes, and heat maps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom.models.classifier import load_classifier
from darkroom.models.exporting.onnx_graph import export_onnx
from darkroom.models.exporting.parity import parity
from darkroom.models.heads import HEADS
from darkroom.models.heads.net import MapsNet
from darkroom.models.heatmaps import with_heat_maps
from darkroom.training.outputs import write_model
from tests.helpers.backbones import coloured_sets, head_classifier, random_weights

pytestmark = pytest.mark.integration
SIDE = 64


@pytest.mark.parametrize("name", HEADS)
def test_the_exported_graph_gives_the_same_probabilities(name: str, tmp_path: Path) -> None:
    split = coloured_sets(9, side=SIDE)
    classifier, config = head_classifier(random_weights(tmp_path), split, name)
    net = classifier.net
    assert isinstance(net, MapsNet)
    net.head.prepare(torch.from_numpy(split.labels))
    write_model(classifier, config, tmp_path)
    classifier = load_classifier(tmp_path / "model.safetensors", tmp_path / "model_config.json")
    classifier.calibrate({"slope": [2.0, 1.0, 0.5], "offset": [0.1, 0.0, -0.2]})
    with torch.inference_mode():
        probabilities = classifier(torch.from_numpy(split.images)).numpy()
    assert np.ptp(probabilities, axis=0).max() > 1e-3, "images differ"
    export_onnx(classifier, tmp_path / "model.onnx", height=SIDE, width=SIDE, channels=3)
    report = parity(classifier, tmp_path / "model.onnx", split, tolerance=1e-4)
    assert report["worst_difference"] <= 1e-4
    assert ("heat_difference" in report) is (name == "gcn")
    assert (with_heat_maps(classifier, height=SIDE, width=SIDE) is not None) is (name == "gcn")
