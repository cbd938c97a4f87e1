"""Drift as Prometheus gauges, computed when `/metrics` is scraped, by whichever worker is scraped."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .drift_score import MIN_IMAGES
from .recent_predictions import RecentPredictions
from .reference import Reference


class DriftCollector(Collector):
    """The scores of the recent predictions of all workers against a reference.

    Attributes:
        reference: what they are compared with.
        recent: the predictions.
    """

    def __init__(self, reference: Reference, recent: RecentPredictions) -> None:
        """Compare `recent` with `reference`."""
        self.reference, self.recent = reference, recent
        self._checked, self._scores = -1, dict[str, float]()

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; the scores only from `MIN_IMAGES` images on."""
        checked, rows = self.recent.last_check()
        yield GaugeMetricFamily(
            "darkroom_drift_images", "Recent images that drift is computed from", value=len(rows)
        )
        if len(rows) < MIN_IMAGES:
            return
        if checked != self._checked:
            self._scores, self._checked = self.reference.scores(rows), checked
        yield GaugeMetricFamily(
            "darkroom_drift",
            "Drift of the recent images from the reference, the largest score: an alarm from 1 on",
            value=max(self._scores.values()),
        )
        by_statistic = GaugeMetricFamily(
            "darkroom_drift_score", "Drift, by statistic: an alarm from 1 on", labels=["statistic"]
        )
        for name, score in self._scores.items():
            by_statistic.add_metric([name], score)
        yield by_statistic
