"""A small model on disk, for tests of predictions: two classes, red and blue, and no training."""

import hashlib
from pathlib import Path

import numpy as np
from onnx import helper, numpy_helper

from darkroom.files import write_json
from tests.helpers.serving import linear_graph

SIDE = 16
CLASSES = ("blue", "red")
CONFIDENT_FROM = 0.6


def colour_model(folder: Path, *, classes: tuple[str, ...] = CLASSES, confident: float | None = 0.6) -> Path:
    """Write an exported model that tells red from blue by the mean of the channels; return its folder.

    Further classes have nearly no probability, each less than the one before it.
    """
    graph = linear_graph(SIDE, SIDE, 3, len(classes))
    weights = np.zeros((SIDE, SIDE, 3, len(classes)), np.float32)
    weights[..., 2, 0] = weights[..., 0, 1] = 8 / SIDE**2
    (old,) = (array for array in graph.graph.initializer if array.name == "weights")
    old.CopyFrom(numpy_helper.from_array(weights.reshape(-1, len(classes)), "weights"))
    offset = np.zeros(len(classes), np.float32)
    offset[2:] = -20 - np.arange(len(classes) - 2) / 100
    graph.graph.initializer.append(numpy_helper.from_array(offset, "offset"))
    softmax = graph.graph.node[-1]
    softmax.input[0] = "moved"
    graph.graph.node.insert(
        len(graph.graph.node) - 1, helper.make_node("Add", ["logits", "offset"], ["moved"])
    )
    content = graph.SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    about = {"name": "colours", "classes": [*classes], "height": SIDE, "width": SIDE, "channels": 3}
    about |= {"confident_from": confident, "sha256": hashlib.sha256(content).hexdigest()}
    write_json(folder / "model.json", about)
    return folder
