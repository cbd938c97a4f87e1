"""The drift gauges appear once there are enough images."""

import numpy as np

from darkroom.serving.monitoring.drift_collector import DriftCollector
from darkroom.serving.monitoring.drift_score import MIN_IMAGES, WINDOW
from darkroom.serving.monitoring.recent_predictions import RecentPredictions
from tests.helpers.drift import brighter, drift_model, unshifted_images


def test_few_images_have_no_drift_gauge() -> None:
    reference = drift_model().reference
    drift = DriftCollector(reference, RecentPredictions(reference.columns, None))
    assert [metric.name for metric in drift.collect()] == ["darkroom_drift_images"]
    drift.recent.add(np.zeros((MIN_IMAGES - 1, reference.columns), np.float32))
    assert [metric.name for metric in drift.collect()] == ["darkroom_drift_images"]


def test_the_drift_gauge_is_the_largest_score_over_the_recent_images() -> None:
    model = drift_model()
    drift = DriftCollector(model.reference, RecentPredictions(model.reference.columns, None))
    drift.recent.add(model.rows(unshifted_images()[:600]))
    drift.recent.add(model.rows(brighter(unshifted_images()[600:1000])))
    gauges = {metric.name: metric.samples for metric in drift.collect()}
    assert gauges["darkroom_drift_images"][0].value == WINDOW
    scores = [sample.value for sample in gauges["darkroom_drift_score"]]
    assert gauges["darkroom_drift"][0].value == max(scores) > 1
