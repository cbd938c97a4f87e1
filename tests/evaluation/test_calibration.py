"""Temperature scaling and the calibration error."""

import numpy as np
import pytest
from scipy.special import softmax

from darkroom.evaluation.calibration import (
    calibration_error,
    calibration_interval,
    fit_temperature,
    reliability_table,
    scale,
)
from tests.helpers.evaluation import calibrated_logits


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 3.0])
def test_the_fitted_temperature_is_the_one_the_logits_were_made_with(sharpness: float) -> None:
    logits, labels = calibrated_logits(20_000, sharpness=sharpness)
    assert fit_temperature(logits, labels) == pytest.approx(sharpness, rel=0.05)


def test_scaling_by_the_fitted_temperature_calibrates_other_images() -> None:
    logits, labels = calibrated_logits(20_000, sharpness=3.0)
    held_out, others = calibrated_logits(20_000, sharpness=3.0, seed=1)
    temperature = fit_temperature(logits, labels)
    errors = []
    for value in (1.0, temperature):
        probabilities = scale(held_out, value)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
        errors.append(calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == others))
    assert errors[0] > 0.1
    assert errors[1] < 0.02


def test_where_all_images_are_correct_the_probabilities_stay_below_1() -> None:
    labels = np.arange(100) % 5
    logits = (np.eye(5)[labels] * 4).astype(np.float32)
    temperature = fit_temperature(logits, labels)
    confidence = scale(logits, temperature).max(axis=1)
    # as confident as one wrong image in 102 would allow, however many classes there are
    assert confidence == pytest.approx(np.full(100, 101 / 102), abs=0.002)
    labels = np.arange(200) % 50
    logits = (np.eye(50)[labels] * 4).astype(np.float32)
    confidence = scale(logits, fit_temperature(logits, labels)).max(axis=1)
    assert confidence == pytest.approx(np.full(200, 201 / 202), abs=0.002)


@pytest.mark.integration
def test_the_fitted_temperature_is_that_of_a_grid_search() -> None:
    logits, labels = calibrated_logits(4_000, sharpness=2.0)
    tried = np.linspace(1.5, 2.5, 2001)
    own = np.arange(4_000), labels
    losses = [-np.log(softmax(logits.astype(float) / value, axis=1)[own]).mean() for value in tried]
    assert fit_temperature(logits, labels) == pytest.approx(tried[int(np.argmin(losses))], rel=0.005)


def test_impossible_logits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[N,K\] and \[N\]"):
        fit_temperature(np.zeros((3, 2), np.float32), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="NaN"):
        fit_temperature(np.full((1, 2), np.nan, np.float32), np.zeros(1, np.int64))


def test_the_calibration_error_matches_a_computation_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, True, True, False, True, True])
    # four predictions of 0.95 of which 0.75 are correct, two of 0.55 that are both correct
    assert calibration_error(confidence, correct) == pytest.approx((4 * 0.2 + 2 * 0.45) / 6)
    assert calibration_error(np.ones(3), np.ones(3, bool)) == 0


def test_the_interval_of_the_calibration_error_holds_the_true_error() -> None:
    generator, held = np.random.default_rng(0), 0
    for _ in range(60):
        confidence = np.clip(1 - generator.exponential(0.06, 2_000), 0.1, 1)
        correct = generator.random(2_000) < confidence**1.3
        low, high = calibration_interval(confidence, correct, 200)
        held += low <= 0.0165 <= high  # the error of two million such predictions
        assert low <= calibration_error(confidence, correct) <= high
    assert held >= 54
    calibrated = generator.random(2_000) < confidence
    low, _ = calibration_interval(confidence, calibrated, 200)
    assert low < 0.005 < calibration_error(confidence, calibrated), "chance alone is no calibration error"


def test_reliability_bins_hold_every_image_once() -> None:
    logits, labels = calibrated_logits(2_000, sharpness=1.0)
    probabilities = scale(logits, 1.0)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    table = reliability_table(confidence, correct)
    assert table["images"].sum() == 2_000
    assert ((table["low"] <= table["confidence"]) & (table["confidence"] <= table["high"] + 1e-6)).all()
    assert (
        (table["accuracy_low"] <= table["accuracy"]) & (table["accuracy"] <= table["accuracy_high"])
    ).all()
    gaps = (table["accuracy"] - table["confidence"]).abs() * table["images"]
    assert gaps.sum() / 2_000 == pytest.approx(calibration_error(confidence, correct))
