"""The latency of the exported graph."""

from darkroom.models.exporting.latency import latency
from tests.helpers.models import Exported, split_of


def test_latency_is_measured_on_single_images(exported: Exported) -> None:
    took = latency(exported.graph, split_of(exported.shape), repeats=5)
    assert 0 < took["median_milliseconds"] <= took["p95_milliseconds"]
    assert took["runs"] == 5
