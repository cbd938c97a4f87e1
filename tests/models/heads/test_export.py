"""Each head in an exported graph: the same logits as in torch, in both runtimes, for any number of images."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import openvino
import pytest
import torch

from darkroom.models.heads import HEADS

pytestmark = pytest.mark.ci  # an export takes seconds
FEATURES, LABELS, SIDE = 8, 5, 3


@pytest.mark.parametrize(
    "name",
    # the same net as cnn_rnn, with its labels in another order
    [pytest.param(name, marks=pytest.mark.slow) if name == "cnn_rnn_frequency" else name for name in HEADS],
)
def test_the_exported_graph_gives_the_same_logits(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    head = HEADS[name](FEATURES, LABELS, SIDE, SIDE).eval()
    with torch.no_grad():
        for weight in head.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)  # so that images and labels differ
    head.prepare((torch.rand(40, LABELS) > 0.5).to(torch.int8))
    path, maps = tmp_path / "head.onnx", torch.randn(7, FEATURES, SIDE, SIDE)
    shapes: Any = {"maps": {0: torch.export.Dim("batch")}}
    torch.onnx.export(
        head, (maps[:2],), path, input_names=["maps"], dynamic_shapes=shapes, dynamo=True, verbose=False
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.inference_mode():
        expected = head(maps).numpy()
    assert np.ptp(expected, axis=0).max() > 1e-3
    for count in (1, 7):
        images = maps[:count].numpy()
        for found in (session.run(None, {"maps": images})[0], compiled([images])[0]):
            np.testing.assert_allclose(found, expected[:count], atol=1e-4, rtol=1e-4)
