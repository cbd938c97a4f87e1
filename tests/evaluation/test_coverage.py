"""The confidence threshold reaches its accuracy, and the coverage curve starts with every image."""

import numpy as np
import pytest

from darkroom.evaluation.calibration import scale
from darkroom.evaluation.coverage import confidence_threshold, coverage_curve
from tests.helpers.evaluation import calibrated_logits


def test_the_threshold_reaches_the_accuracy_with_the_most_images() -> None:
    confidence = np.array([0.9, 0.8, 0.8, 0.7, 0.6, 0.5], dtype=np.float32)
    correct = np.array([True, True, True, True, False, False])
    assert confidence_threshold(confidence, correct, accuracy=1.0) == pytest.approx(0.7)
    assert confidence_threshold(confidence, correct, accuracy=0.8) == pytest.approx(0.6)
    assert confidence_threshold(confidence, correct, accuracy=0.5) == pytest.approx(0.5)


def test_images_of_equal_confidence_share_a_threshold() -> None:
    confidence, correct = np.array([0.9, 0.9, 0.4]), np.array([True, False, True])
    assert confidence_threshold(confidence, correct, accuracy=0.9) is None
    assert confidence_threshold(confidence, correct, accuracy=0.6) == pytest.approx(0.4)


def test_the_coverage_curve_starts_with_every_image() -> None:
    logits, labels = calibrated_logits(3_000, sharpness=1.0)
    probabilities = scale(logits, 1.0)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    curve = coverage_curve(confidence, correct)
    assert len(curve) == 200
    assert curve["coverage"].iloc[0] == 1
    assert curve["accuracy"].iloc[0] == pytest.approx(correct.mean())
    assert curve["coverage"].is_monotonic_decreasing
    assert curve["threshold"].is_monotonic_increasing
    row = curve.iloc[120]
    covered = confidence >= row["threshold"]
    assert row["coverage"] == pytest.approx(covered.mean())
    assert row["accuracy"] == pytest.approx(correct[covered].mean())
    exact = coverage_curve(confidence, correct, threshold=0.7123)
    row = exact[exact["threshold"] >= 0.7123].iloc[0]
    assert row["coverage"] == pytest.approx((confidence >= 0.7123).mean())
    assert len(coverage_curve(np.full(4, 0.5), np.ones(4, bool))) == 1
