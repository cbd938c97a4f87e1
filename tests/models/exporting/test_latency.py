"""The latency of the exported graph."""

import pytest

from darkroom.models.exporting import latency as timing
from darkroom.models.exporting.latency import latency
from tests.helpers.models import Exported, split_of


def test_latency_is_measured_on_single_images(exported: Exported) -> None:
    took = latency(exported.graph, split_of(exported.shape), repeats=5)
    assert 0 < took["median_milliseconds"] <= took["p95_milliseconds"]
    assert took["runs"] == 5


def test_a_slow_graph_is_timed_less_often(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "MOST_SECONDS", 0.0)
    assert latency(exported.graph, split_of(exported.shape))["runs"] == 1
