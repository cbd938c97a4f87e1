"""The exported graph on the runtime that serves it."""

import os
import subprocess
import sys

import numpy as np
import onnx
import pytest

from darkroom.serving.prediction.runtime import BATCHES, Graph
from tests.helpers.models import Exported, random_arrays


@pytest.mark.parametrize("count", [1, 7, 16, 70])
def test_the_served_runtime_gives_the_same_probabilities_for_any_number_of_images(
    exported: Exported, count: int
) -> None:
    x = random_arrays(count, exported.shape)
    probabilities = Graph(exported.graph.read_bytes(), threads=1).run(x)
    assert probabilities.shape == (count, 5)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, exported.probabilities(x), atol=1e-5, rtol=0)


def test_a_graph_with_an_output_of_another_name_is_refused(exported: Exported) -> None:
    model = onnx.load(exported.graph)
    model.graph.output.append(model.graph.output[0])
    model.graph.output[-1].name = model.graph.node[0].output[0]
    model.graph.output[-1].ClearField("type")
    with pytest.raises(ValueError, match=r"1 inputs and [34] outputs; .* named heat or embedding"):
        Graph(model.SerializeToString())


def test_the_batch_sizes_add_up_to_any_number() -> None:
    assert tuple(sorted(BATCHES, reverse=True)) == BATCHES
    assert BATCHES[-1] == 1


def test_importing_the_runtime_sends_no_telemetry() -> None:
    script = (
        "import darkroom.serving.prediction.runtime, sys; "
        "print([name for name in sys.modules if 'telemetry' in name and 'stub' not in name "
        "and sys.modules[name] is not None and not name.startswith('openvino.tools')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "src"}
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_signal_is_handled_after_graphs_have_gone_in_the_order_they_came(exported: Exported) -> None:
    script = """
import os, signal, sys
from pathlib import Path
from darkroom.serving.prediction.runtime import Graph
content = Path(sys.argv[1]).read_bytes()
one = Graph(content, threads=1)
other = Graph(content, threads=1)
del one
del other
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGTERM)
"""
    command = [sys.executable, "-c", script, str(exported.graph)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "src"})
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
