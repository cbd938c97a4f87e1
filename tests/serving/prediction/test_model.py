"""Loading the served model: its files must fit each other."""

import hashlib
import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from darkroom.serving.prediction.model import Classifier
from tests.helpers.serving import DIGITS, write_champion


def test_heat_maps_of_another_shape_are_refused_on_loading(tmp_path: Path) -> None:
    write_champion(tmp_path, name="digits", classes=DIGITS, height=8, width=8, channels=1)
    model = onnx.load(tmp_path / "model.onnx")
    model.graph.node.append(helper.make_node("Identity", ["logits"], ["heat"]))
    model.graph.output.append(helper.make_tensor_value_info("heat", TensorProto.FLOAT, ["batch", 10]))
    content = model.SerializeToString()
    (tmp_path / "model.onnx").write_bytes(content)
    about = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    about["sha256"] = hashlib.sha256(content).hexdigest()
    (tmp_path / "model.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"heat maps of the shape \(16, 10\); needed: one per image and class"
    ):
        Classifier(tmp_path, threads=1)
