"""The served model: its description is checked, and any batch is predicted."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from darkroom.serving.prediction.model import Classifier
from tests.helpers.serving import DIGITS, random_image, write_champion


def test_a_graph_that_does_not_match_its_description_is_refused(tmp_path: Path) -> None:
    def broken(message: str, error: type[Exception] = ValueError, **changes: Any) -> None:
        shape: dict[str, Any] = {"name": "x", "classes": DIGITS, "height": 8, "width": 8, "channels": 1}
        write_champion(tmp_path, **shape)
        about = json.loads((tmp_path / "model.json").read_text()) | changes
        about = {key: value for key, value in about.items() if value is not None}
        (tmp_path / "model.json").write_text(json.dumps(about))
        with pytest.raises(error, match=message):
            Classifier(tmp_path)

    with pytest.raises(FileNotFoundError, match="dvc repro register"):
        Classifier(tmp_path)
    broken("two come from different runs", sha256="0" * 64)
    broken("lacks classes", classes=None)
    broken("names 3 classes", classes=["a", "b", "c"])
    broken("promises one uint8 input", width=9)
    for wrong in (1.01, -0.1, 62, float("nan"), True, "0.5", [0.5]):
        broken("needed: a number from 0 to 1", confident_from=wrong)


@pytest.mark.parametrize(
    ("extra", "confident"),
    [
        ({}, [None, None, None]),
        ({"confident_from": None}, [None, None, None]),
        ({"confident_from": 0.62}, [False, True, True]),
        ({"confident_from": 0}, [True, True, True]),
        ({"confident_from": 1}, [False, False, True]),
    ],
)
def test_a_prediction_is_confident_from_the_threshold_on(
    tmp_path: Path, extra: dict[str, Any], confident: list[bool | None]
) -> None:
    write_champion(tmp_path, name="x", classes=DIGITS, height=8, width=8, channels=1, **extra)
    classifier = Classifier(tmp_path)
    assert [classifier.is_confident(probability) for probability in (0.6199, 0.62, 1.0)] == confident
    assert classifier.card is None


def test_any_batch_size_is_predicted(tmp_path: Path) -> None:
    write_champion(tmp_path, name="x", classes=DIGITS, height=8, width=8, channels=1)
    classifier = Classifier(tmp_path)
    pixels = np.stack([random_image(8, 8, 1, seed=seed) for seed in range(5)])
    together = classifier.predict(pixels)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    for row, one in zip(together, pixels, strict=True):
        np.testing.assert_allclose(classifier.predict(one[None])[0], row, atol=1e-6)
    with pytest.raises(ValueError, match="float32"):
        classifier.predict(pixels.astype(np.float32))


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
