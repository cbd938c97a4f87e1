"""The exported graph against torch: both architectures, all views, any batch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from darkroom.exporting import export_onnx, parity
from darkroom.models import Classifier
from darkroom.splits import Split
from tests.test_models import classifier_of

CASES = [("fast", (10, 9, 3), 6), ("classic", (8, 8, 1), 2), ("fast", (8, 8, 1), 1)]


@dataclass(frozen=True)
class Exported:
    """A classifier and the graph made of it."""

    classifier: Classifier
    graph: Path
    shape: tuple[int, int, int]

    def answers(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the graph on one batch."""
        session = onnxruntime.InferenceSession(str(self.graph), providers=["CPUExecutionProvider"])
        answers: NDArray[np.float32] = session.run(["probabilities"], {"pictures": pictures})[0]
        return answers


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}, {case[2]} views")
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    architecture, shape, views = request.param
    classifier = classifier_of(architecture, shape, views=views)
    classifier.temperature = 1.7
    classifier.train()  # export must not keep dropout and the batch's own statistics
    graph = tmp_path_factory.mktemp("exported") / "made" / "model.onnx"
    height, width, channels = shape
    export_onnx(classifier, graph, height=height, width=width, channels=channels)
    return Exported(classifier, graph, shape)


def pictures(count: int, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return random pictures, the last two of them black and white."""
    out = np.random.default_rng(5).integers(0, 256, (count, *shape), dtype=np.uint8)
    if count > 2:
        out[-2], out[-1] = 0, 255
    return out


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_graph_answers_like_torch(exported: Exported, batch: int) -> None:
    x = pictures(batch, exported.shape)
    answers = exported.answers(x)
    with torch.inference_mode():
        expected = exported.classifier.eval()(torch.from_numpy(x)).numpy()
    assert answers.shape == (batch, 5)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, expected, atol=1e-4, rtol=0)
    np.testing.assert_allclose(answers.sum(1), 1, atol=1e-5)


def test_the_graph_says_what_it_takes(exported: Exported) -> None:
    assert [path.name for path in exported.graph.parent.iterdir()] == ["model.onnx"], (
        "one file, no data beside"
    )
    model = onnx.load(exported.graph)
    onnx.checker.check_model(model)
    (given,), (answer,) = model.graph.input, model.graph.output
    assert (given.name, answer.name) == ("pictures", "probabilities")
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert answer.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    sizes = given.type.tensor_type.shape.dim
    assert sizes[0].dim_param, "any batch"
    assert tuple(size.dim_value for size in sizes[1:]) == exported.shape


def split_of(shape: tuple[int, int, int], count: int = 70) -> Split:
    return Split(pictures(count, shape), np.zeros(count, dtype=np.int64))


def test_the_parity_report(exported: Exported) -> None:
    report = parity(exported.classifier, exported.graph, split_of(exported.shape), tolerance=1e-4)
    assert report["pictures"] == 70
    assert 1 in report["batch_sizes"]
    assert max(report["batch_sizes"]) >= 64
    assert 0 <= report["worst_difference"] <= 1e-4
    assert report["same_class"] == 1.0
    assert report["tolerance"] == 1e-4


def test_another_models_graph_breaks_the_tolerance(exported: Exported) -> None:
    other = classifier_of("classic" if exported.shape[2] == 3 else "fast", exported.shape)
    with torch.no_grad():
        other.net.get_parameter("head.weight").mul_(50)
    with pytest.raises(
        ValueError, match=r"differ from torch's by up to .* more than export\.tolerance=0\.0001"
    ):
        parity(other, exported.graph, split_of(exported.shape), tolerance=1e-4)


def test_answers_that_are_no_numbers_break_the_tolerance(exported: Exported) -> None:
    other = classifier_of("fast", exported.shape)
    with torch.no_grad():
        other.net.get_parameter("head.weight").fill_(float("nan"))
    with pytest.raises(ValueError, match="differ from torch's by up to nan"):
        parity(other, exported.graph, split_of(exported.shape), tolerance=1e-4)


def test_a_failed_export_leaves_what_stood_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = tmp_path / "model.onnx"

    def fail(model: object, args: object, path: Path, **_: object) -> None:
        Path(path).write_bytes(b"half")
        raise RuntimeError("the exporter broke off")

    monkeypatch.setattr(torch.onnx, "export", fail)
    for before in (None, b"an earlier graph"):
        if before:
            graph.write_bytes(before)
        with pytest.raises(RuntimeError, match="broke off"):
            export_onnx(classifier_of("fast"), graph, height=8, width=8, channels=1)
        assert [path.read_bytes() for path in tmp_path.iterdir()] == ([before] if before else [])
