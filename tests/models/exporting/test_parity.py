"""Parity: what is measured, and what exceeds the tolerance."""

import pytest
import torch

from darkroom.models.exporting import parity as parity_module
from darkroom.models.exporting.parity import parity
from tests.helpers.models import Exported, classifier_of, split_of


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


@pytest.mark.parametrize("factor", [1.2, float("nan")])
def test_other_heat_maps_exceed_the_tolerance(
    exported: Exported, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_heat = exported.with_heat()
    if with_heat is None:
        pytest.skip("this net has no heat maps")
    with_heat.evidence *= factor
    monkeypatch.setattr(parity_module, "with_heat_maps", lambda *_, **__: with_heat)
    with pytest.raises(ValueError, match=r"heat maps differ from torch's by .* which export\.tolerance"):
        parity(exported.classifier, exported.graph, split_of(exported.shape), tolerance=1e-4)


def test_the_graph_of_another_model_exceeds_the_tolerance(exported: Exported) -> None:
    other = classifier_of("classic" if exported.shape[2] == 3 else "fast", exported.shape)
    with torch.no_grad():
        other.net.get_parameter("head.weight").mul_(50)
    with pytest.raises(
        ValueError, match=r"differ from torch's by up to .* more than export\.tolerance=0\.0001"
    ):
        parity(other, exported.graph, split_of(exported.shape), tolerance=1e-4)


def test_probabilities_that_are_nan_exceed_the_tolerance(exported: Exported) -> None:
    other = classifier_of("fast", exported.shape)
    with torch.no_grad():
        other.net.get_parameter("head.weight").fill_(float("nan"))
    with pytest.raises(ValueError, match="differ from torch's by up to nan"):
        parity(other, exported.graph, split_of(exported.shape), tolerance=1e-4)
