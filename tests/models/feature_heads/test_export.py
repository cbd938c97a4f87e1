"""Each head on features in an exported graph: the same logits as in torch, in both runtimes."""

from pathlib import Path

import pytest
import torch

from darkroom.training.feature_heads import FITS
from tests.helpers.onnx_parity import assert_same_in_a_graph

pytestmark = pytest.mark.ci  # an export takes seconds


@pytest.mark.parametrize("name", FITS)
def test_the_exported_graph_gives_the_same_logits(name: str, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(60, 8, generator=generator, dtype=torch.float64)
    labels = (features @ torch.randn(8, 5, generator=generator, dtype=torch.float64) > 0.5).to(torch.int8)
    fitted = [head for _, head in FITS[name][1](features, labels, 0)]
    # the strongest penalty, but of the metric: by it all images would have the same logits
    head = fitted[-1 if name == "metric" else 0].eval()
    assert_same_in_a_graph(head, torch.randn(7, 8, generator=generator), tmp_path / "head.onnx")
