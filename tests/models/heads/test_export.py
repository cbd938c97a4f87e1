"""Each head in an exported graph: the same logits as in torch, in both runtimes, for any number of images."""

from pathlib import Path

import pytest
import torch

from darkroom.models.heads import HEADS
from tests.helpers.onnx_parity import assert_same_in_a_graph

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
    assert_same_in_a_graph(head, torch.randn(7, FEATURES, SIDE, SIDE), tmp_path / "head.onnx")
