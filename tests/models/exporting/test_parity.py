"""The exported graph against torch: both architectures, all views, any batch."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from darkroom.data.splits import Split
from darkroom.models.classifier import Classifier
from darkroom.models.exporting import parity as parity_module
from darkroom.models.exporting.latency import latency
from darkroom.models.exporting.onnx_graph import export_onnx
from darkroom.models.exporting.parity import parity
from darkroom.models.exporting.served_precision import choose_served_precision, reduced_parity
from darkroom.models.heatmaps import GRID, ClassifierWithHeatMaps, with_heat_maps
from darkroom.models.networks.classic import ClassicNet
from darkroom.models.networks.fast import FastNet
from darkroom.serving.prediction.runtime import BATCHES, Graph, computes_in_bf16
from tests.models.test_networks import classifier_of

CASES = [("fast", (20, 17, 3), 6), ("classic", (8, 8, 1), 2), ("fast", (8, 8, 1), 1)]


@dataclass(frozen=True)
class Exported:
    """A classifier and the graph made of it."""

    classifier: Classifier
    graph: Path
    shape: tuple[int, int, int]

    def answers(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the graph on one batch."""
        session = onnxruntime.InferenceSession(str(self.graph), providers=["CPUExecutionProvider"])
        answers: NDArray[np.float32] = session.run(["probabilities"], {"images": images})[0]
        return answers

    def with_heat(self) -> ClassifierWithHeatMaps | None:
        """Return torch's classifier with its heat maps."""
        height, width, _ = self.shape
        return with_heat_maps(self.classifier.eval(), height=height, width=width)


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


def random_images(count: int, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return random images, the last two of them black and white."""
    out = np.random.default_rng(5).integers(0, 256, (count, *shape), dtype=np.uint8)
    if count > 2:
        out[-2], out[-1] = 0, 255
    return out


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_graph_answers_like_torch(exported: Exported, batch: int) -> None:
    x = random_images(batch, exported.shape)
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
    (given,), (answer, *more) = model.graph.input, model.graph.output
    assert (given.name, answer.name) == ("images", "probabilities")
    assert [output.name for output in more] == [*(["heat"] if exported.with_heat() else []), "embedding"]
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert answer.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    sizes = given.type.tensor_type.shape.dim
    assert sizes[0].dim_param, "any batch"
    assert tuple(size.dim_value for size in sizes[1:]) == exported.shape


def split_of(shape: tuple[int, int, int], count: int = 70) -> Split:
    return Split(random_images(count, shape), np.zeros(count, dtype=np.int64))


def test_the_parity_report(exported: Exported) -> None:
    report = parity(exported.classifier, exported.graph, split_of(exported.shape), tolerance=1e-4)
    assert report["images"] == 70
    assert 1 in report["batch_sizes"]
    assert max(report["batch_sizes"]) >= 64
    assert 0 <= report["worst_difference"] <= 1e-4
    assert report["same_class"] == 1.0
    assert report["tolerance"] == 1e-4
    assert ("heat_difference" in report) == bool(exported.with_heat())
    assert 0 <= report.get("heat_difference", 0) <= 1e-4


@pytest.mark.parametrize("count", [1, 7, 16])
def test_the_heat_maps_come_with_the_same_run(exported: Exported, count: int) -> None:
    x = random_images(count, exported.shape)
    served = Graph(exported.graph.read_bytes(), threads=1)
    probabilities, heat, _ = served.explain(x)
    np.testing.assert_array_equal(probabilities, served.run(x))
    with_heat = exported.with_heat()
    assert served.explains == (with_heat is not None) == (exported.shape == (20, 17, 3))
    if with_heat is None:
        assert heat is None
        return
    with torch.inference_mode():
        expected, torchs = (answer.numpy() for answer in with_heat(torch.from_numpy(x)))
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    assert heat is not None
    assert heat.shape == (count, 5, GRID, GRID)
    assert np.abs(torchs).max() > 0.01
    np.testing.assert_allclose(heat, torchs, atol=1e-3)


def test_the_last_layer_makes_the_logits_of_the_embedding(exported: Exported) -> None:
    x = random_images(5, exported.shape)
    embedding = Graph(exported.graph.read_bytes(), threads=1).explain(x).embedding
    assert embedding is not None
    net = exported.classifier.net
    fast = isinstance(net, FastNet)
    head = net.get_submodule("head" if fast or isinstance(net, ClassicNet) else "fc.1")
    with torch.inference_mode():
        expected = net(exported.classifier.standardise(torch.from_numpy(x))).numpy()
        made = head(torch.from_numpy(embedding)).numpy() / (embedding.shape[1] if fast else 1)
    np.testing.assert_allclose(made, expected, atol=1e-3)


@pytest.mark.parametrize("factor", [1.2, float("nan")])
def test_other_heat_maps_break_the_tolerance(
    exported: Exported, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_heat = exported.with_heat()
    if with_heat is None:
        pytest.skip("this net has none")
    with_heat.evidence *= factor
    monkeypatch.setattr(parity_module, "with_heat_maps", lambda *_, **__: with_heat)
    with pytest.raises(ValueError, match=r"heat maps differ from torch's by .* which export\.tolerance"):
        parity(exported.classifier, exported.graph, split_of(exported.shape), tolerance=1e-4)


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


@pytest.mark.parametrize("count", [1, 7, 16, 70])
def test_the_served_runtime_answers_like_torch_for_any_number_of_images(
    exported: Exported, count: int
) -> None:
    x = random_images(count, exported.shape)
    answers = Graph(exported.graph.read_bytes(), threads=1).run(x)
    assert answers.shape == (count, 5)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, exported.answers(x), atol=1e-5, rtol=0)


def test_a_graph_with_an_output_of_another_name_is_refused(exported: Exported) -> None:
    model = onnx.load(exported.graph)
    model.graph.output.append(model.graph.output[0])
    model.graph.output[-1].name = model.graph.node[0].output[0]
    model.graph.output[-1].ClearField("type")
    with pytest.raises(ValueError, match=r"1 inputs and [34] outputs; .* named heat or embedding"):
        Graph(model.SerializeToString())


def test_bf16_is_measured_on_images_as_it_is_served(exported: Exported) -> None:
    split = split_of(exported.shape)
    report = reduced_parity(exported.graph, split)
    content = exported.graph.read_bytes()
    if report is None:
        assert not computes_in_bf16()
        assert Graph(content, precision="bf16").precision == "fp32"
        return
    served = Graph(content, precision="bf16")
    assert served.precision == "bf16"
    full, reduced = Graph(content).run(split.images), served.run(split.images)
    moved = np.abs(full - reduced).max(axis=1)
    assert 0 < moved.max() < 0.1  # it does compute differently, and not by much
    assert report["mean_difference"] == pytest.approx(moved.mean(), abs=1e-3)
    assert report["worst_difference"] == pytest.approx(moved.max(), abs=1e-2)
    assert report["same_class"] >= 0.9


GOOD = {"same_class": 0.998, "mean_difference": 0.003, "worst_difference": 0.1, "accuracy_change": 0.0}


@pytest.mark.parametrize(
    ("name", "report", "chosen", "why"),
    [
        ("auto", GOOD, "bf16", "99.80% of the images keep their class"),
        ("bf16", GOOD, "bf16", "move by 0.003"),
        ("fp32", GOOD, "fp32", "as params.yaml says"),
        ("auto", None, "fp32", "does not compute in bf16"),
        ("auto", GOOD | {"same_class": 0.994}, "fp32", "99.40%"),
        ("auto", GOOD | {"mean_difference": 0.011}, "fp32", "0.011"),
        ("auto", GOOD | {"mean_difference": float("nan")}, "fp32", "nan"),
    ],
)
def test_a_lower_precision_serves_only_within_its_bounds(
    name: str, report: dict[str, float] | None, chosen: str, why: str
) -> None:
    precision, reason = choose_served_precision(name, report, same_class=0.995, difference=0.01)
    assert precision == chosen
    assert why in reason


@pytest.mark.parametrize("report", [None, GOOD | {"same_class": 0.5}])
def test_bf16_that_is_asked_for_but_out_of_bounds_is_an_error(report: dict[str, float] | None) -> None:
    with pytest.raises(ValueError, match=r"set export\.precision=auto or fp32"):
        choose_served_precision("bf16", report, same_class=0.995, difference=0.01)


def test_latency_is_of_single_images(exported: Exported) -> None:
    took = latency(exported.graph, split_of(exported.shape), repeats=5)
    assert 0 < took["median_milliseconds"] <= took["p95_milliseconds"]
    assert took["runs"] == 5


def test_the_sizes_of_batches_make_up_any_number() -> None:
    assert tuple(sorted(BATCHES, reverse=True)) == BATCHES
    assert BATCHES[-1] == 1


def test_importing_the_runtime_tells_nobody() -> None:
    script = (
        "import darkroom.serving.prediction.runtime, sys; "
        "print([name for name in sys.modules if 'telemetry' in name and 'stub' not in name "
        "and sys.modules[name] is not None and not name.startswith('openvino.tools')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "src"}
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


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
