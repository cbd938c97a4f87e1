"""Temperature, calibration error and the threshold of confident answers do what they are for."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from darkroom.evaluation.calibration import (
    calibration_error,
    calibration_interval,
    confidence_threshold,
    coverage_curve,
    fit_temperature,
    reliability_table,
    scale,
)


def drawn(images: int, *, sharpness: float, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return logits whose softmax is the true chance of each label once divided by `sharpness`."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(0, 2, (images, 5))
    chances = softmax(truth, axis=1)
    labels = (generator.random((images, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    return (truth * sharpness).astype(np.float32), labels.astype(np.int64)


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(sharpness: float) -> None:
    logits, labels = drawn(20_000, sharpness=sharpness)
    assert fit_temperature(logits, labels) == pytest.approx(sharpness, rel=0.05)


def test_scaling_by_it_calibrates() -> None:
    logits, labels = drawn(20_000, sharpness=3.0)
    held_out, others = drawn(20_000, sharpness=3.0, seed=1)
    temperature = fit_temperature(logits, labels)
    errors = []
    for value in (1.0, temperature):
        probabilities = scale(held_out, value)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
        errors.append(calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == others))
    assert errors[0] > 0.1
    assert errors[1] < 0.02


def test_a_set_without_a_mistake_does_not_make_probabilities_certain() -> None:
    labels = np.arange(100) % 5
    logits = (np.eye(5)[labels] * 4).astype(np.float32)
    temperature = fit_temperature(logits, labels)
    confidence = scale(logits, temperature).max(axis=1)
    # as confident as one mistake in 102 would allow, however many classes there are
    assert confidence == pytest.approx(np.full(100, 101 / 102), abs=0.002)
    labels = np.arange(200) % 50
    logits = (np.eye(50)[labels] * 4).astype(np.float32)
    confidence = scale(logits, fit_temperature(logits, labels)).max(axis=1)
    assert confidence == pytest.approx(np.full(200, 201 / 202), abs=0.002)


def test_the_temperature_is_that_of_an_independent_fit() -> None:
    logits, labels = drawn(4_000, sharpness=2.0)
    tried = np.linspace(1.5, 2.5, 2001)
    own = np.arange(4_000), labels
    losses = [-np.log(softmax(logits.astype(float) / value, axis=1)[own]).mean() for value in tried]
    assert fit_temperature(logits, labels) == pytest.approx(tried[int(np.argmin(losses))], rel=0.005)


def test_impossible_logits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[N,K\] and \[N\]"):
        fit_temperature(np.zeros((3, 2), np.float32), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="NaN"):
        fit_temperature(np.full((1, 2), np.nan, np.float32), np.zeros(1, np.int64))


def test_the_calibration_error_of_a_hand_made_case() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False, True, True])
    # four answers of 0.95 of which 0.75 are right, two of 0.55 that are both right
    assert calibration_error(confidence, right) == pytest.approx((4 * 0.2 + 2 * 0.45) / 6)
    assert calibration_error(np.ones(3), np.ones(3, bool)) == 0


def test_the_interval_of_the_calibration_error_holds_the_true_one() -> None:
    generator, held = np.random.default_rng(0), 0
    for _ in range(60):
        confidence = np.clip(1 - generator.exponential(0.06, 2_000), 0.1, 1)
        right = generator.random(2_000) < confidence**1.3
        low, high = calibration_interval(confidence, right, 200)
        held += low <= 0.0165 <= high  # the error of two million such answers
        assert low <= calibration_error(confidence, right) <= high
    assert held >= 54
    calibrated = generator.random(2_000) < confidence
    low, _ = calibration_interval(confidence, calibrated, 200)
    assert low < 0.005 < calibration_error(confidence, calibrated), "what chance adds is no error"


def test_reliability_bins_hold_every_image_once() -> None:
    logits, labels = drawn(2_000, sharpness=1.0)
    probabilities = scale(logits, 1.0)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    table = reliability_table(confidence, right)
    assert table["images"].sum() == 2_000
    assert ((table["low"] <= table["confidence"]) & (table["confidence"] <= table["high"] + 1e-6)).all()
    assert (
        (table["accuracy_low"] <= table["accuracy"]) & (table["accuracy"] <= table["accuracy_high"])
    ).all()
    gaps = (table["accuracy"] - table["confidence"]).abs() * table["images"]
    assert gaps.sum() / 2_000 == pytest.approx(calibration_error(confidence, right))


def test_the_sure_threshold_keeps_what_it_promises_and_as_many_as_it_can() -> None:
    confidence = np.array([0.9, 0.8, 0.8, 0.7, 0.6, 0.5], dtype=np.float32)
    right = np.array([True, True, True, True, False, False])
    assert confidence_threshold(confidence, right, accuracy=1.0) == pytest.approx(0.7)
    assert confidence_threshold(confidence, right, accuracy=0.8) == pytest.approx(0.6)
    assert confidence_threshold(confidence, right, accuracy=0.5) == pytest.approx(0.5)


def test_equal_confidence_is_answered_together() -> None:
    confidence, right = np.array([0.9, 0.9, 0.4]), np.array([True, False, True])
    assert confidence_threshold(confidence, right, accuracy=0.9) is None
    assert confidence_threshold(confidence, right, accuracy=0.6) == pytest.approx(0.4)


def test_the_coverage_curve_starts_with_every_image() -> None:
    logits, labels = drawn(3_000, sharpness=1.0)
    probabilities = scale(logits, 1.0)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    curve = coverage_curve(confidence, right)
    assert len(curve) == 200
    assert curve["coverage"].iloc[0] == 1
    assert curve["accuracy"].iloc[0] == pytest.approx(right.mean())
    assert curve["coverage"].is_monotonic_decreasing
    assert curve["threshold"].is_monotonic_increasing
    row = curve.iloc[120]
    answered = confidence >= row["threshold"]
    assert row["coverage"] == pytest.approx(answered.mean())
    assert row["accuracy"] == pytest.approx(right[answered].mean())
    exact = coverage_curve(confidence, right, threshold=0.7123)
    row = exact[exact["threshold"] >= 0.7123].iloc[0]
    assert row["coverage"] == pytest.approx((confidence >= 0.7123).mean())
    assert len(coverage_curve(np.full(4, 0.5), np.ones(4, bool))) == 1
