"""A module of torch against its exported graph, in both runtimes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import openvino
import torch
from torch import Tensor, nn


def assert_same_in_a_graph(module: nn.Module, inputs: Tensor, path: Path) -> None:
    """Export a module to `path`; check what it gives for one and for all rows of `inputs` float32 [N,...].

    The rows must give different outputs, or a graph that ignores them would pass.
    """
    shapes: Any = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(
        module, (inputs[:2],), path, input_names=["given"], dynamic_shapes=shapes, dynamo=True, verbose=False
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.inference_mode():
        expected = module(inputs).numpy()
    assert np.ptp(expected, axis=0).max() > 1e-3
    for count in (1, len(inputs)):
        few = inputs[:count].numpy()
        for found in (session.run(None, {"given": few})[0], compiled([few])[0]):
            np.testing.assert_allclose(found, expected[:count], atol=1e-4, rtol=1e-4)
