"""The exported graph against torch: both architectures, all views, any batch."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from darkroom.models.exporting.onnx_graph import export_onnx
from darkroom.models.heatmaps import GRID
from darkroom.models.networks.fast import FastNet
from darkroom.serving.prediction.runtime import Graph
from tests.helpers.checkouts import PROJECT
from tests.helpers.models import Exported, classifier_of, random_arrays


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_graph_gives_torchs_probabilities(exported: Exported, batch: int) -> None:
    x = random_arrays(batch, exported.shape)
    probabilities = exported.probabilities(x)
    with torch.inference_mode():
        expected = exported.classifier.eval()(torch.from_numpy(x)).numpy()
    assert probabilities.shape == (batch, 5)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, atol=1e-4, rtol=0)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_the_graph_describes_its_input_and_outputs(exported: Exported) -> None:
    assert [path.name for path in exported.graph.parent.iterdir()] == ["model.onnx"], (
        "one file, without external data"
    )
    model = onnx.load(exported.graph)
    onnx.checker.check_model(model)
    (given,), (first, *more) = model.graph.input, model.graph.output
    assert (given.name, first.name) == ("images", "probabilities")
    assert [output.name for output in more] == [*(["heat"] if exported.with_heat() else []), "embedding"]
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert first.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    sizes = given.type.tensor_type.shape.dim
    assert sizes[0].dim_param, "any batch"
    assert tuple(size.dim_value for size in sizes[1:]) == exported.shape


@pytest.mark.parametrize("count", [1, 7, 16])
def test_one_run_gives_probabilities_and_heat_maps(exported: Exported, count: int) -> None:
    x = random_arrays(count, exported.shape)
    served = Graph(exported.graph.read_bytes(), threads=1)
    probabilities, heat, _ = served.explain(x)
    np.testing.assert_array_equal(probabilities, served.run(x))
    with_heat = exported.with_heat()
    assert served.explains == (with_heat is not None) == (exported.shape == (20, 17, 3))
    if with_heat is None:
        assert heat is None
        return
    with torch.inference_mode():
        expected, torchs = (output.numpy() for output in with_heat(torch.from_numpy(x)))
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    assert heat is not None
    assert heat.shape == (count, 5, GRID, GRID)
    assert np.abs(torchs).max() > 0.01
    np.testing.assert_allclose(heat, torchs, atol=1e-3)


def test_the_last_layer_maps_the_embedding_to_the_logits(exported: Exported) -> None:
    x = random_arrays(5, exported.shape)
    embedding = Graph(exported.graph.read_bytes(), threads=1).explain(x).embedding
    assert embedding is not None
    net = exported.classifier.net
    fast = isinstance(net, FastNet)
    head = net.last_layer()
    with torch.inference_mode():
        expected = net(exported.classifier.standardise(torch.from_numpy(x))).numpy()
        logits = head(torch.from_numpy(embedding)).numpy() / (embedding.shape[1] if fast else 1)
    np.testing.assert_allclose(logits, expected, atol=1e-3)


def test_a_failed_export_keeps_the_previous_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = tmp_path / "model.onnx"

    def fail(model: object, args: object, path: Path, **_: object) -> None:
        Path(path).write_bytes(b"half")
        raise RuntimeError("the exporter failed")

    monkeypatch.setattr(torch.onnx, "export", fail)
    for before in (None, b"an earlier graph"):
        if before:
            graph.write_bytes(before)
        with pytest.raises(RuntimeError, match="the exporter failed"):
            export_onnx(classifier_of("fast"), graph, height=8, width=8, channels=1)
        assert [path.read_bytes() for path in tmp_path.iterdir()] == ([before] if before else [])


def test_the_graph_names_no_file_of_this_machine(exported: Exported) -> None:
    """Otherwise the same model would have another hash in another folder."""
    graph = exported.graph.read_bytes()
    assert str(PROJECT).encode() not in graph
    assert b".py" not in graph
