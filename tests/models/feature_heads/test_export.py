"""Each head on features in an exported graph: the same logits as in torch, in both runtimes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import openvino
import pytest
import torch

from darkroom.training.feature_heads import FITS

pytestmark = pytest.mark.ci  # an export takes seconds


@pytest.mark.parametrize("name", FITS)
def test_the_exported_graph_gives_the_same_logits(name: str, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(60, 8, generator=generator, dtype=torch.float64)
    labels = (features @ torch.randn(8, 5, generator=generator, dtype=torch.float64) > 0.5).to(torch.int8)
    fitted = [head for _, head in FITS[name][1](features, labels, 0)]
    # the strongest penalty, but of the metric: by it all images would have the same logits
    head = fitted[-1 if name == "metric" else 0].eval()
    path, images = tmp_path / "head.onnx", torch.randn(7, 8, generator=generator)
    shapes: Any = {"features": {0: torch.export.Dim("batch")}}
    torch.onnx.export(
        head, (images[:2],), path, input_names=["features"], dynamic_shapes=shapes, dynamo=True, verbose=False
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.inference_mode():
        expected = head(images).numpy()
    assert np.ptp(expected, axis=0).max() > 1e-3
    for count in (1, 7):
        few = images[:count].numpy()
        for found in (session.run(None, {"features": few})[0], compiled([few])[0]):
            np.testing.assert_allclose(found, expected[:count], atol=1e-4, rtol=1e-4)
