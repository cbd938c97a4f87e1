"""Calibration of several labels: it finds what was done to the logits, and keeps the order of images."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit

from darkroom.evaluation.multilabel.average_precision import average_precisions
from darkroom.evaluation.multilabel.calibration import (
    fit_label_calibration,
    fit_platt,
    label_calibration_error,
)
from darkroom.evaluation.multilabel.calibration_fit import calibrated, fit_label_sets, set_confidence
from tests.helpers.label_sets import scored


def test_it_finds_slope_and_offset_of_each_label() -> None:
    random = np.random.default_rng(0)
    true = random.normal(size=(8000, 2)) * 2
    labels = (random.random(true.shape) < expit(true)).astype(np.int8)
    slope, offset = fit_label_calibration((true - [1, 0]) / [2, 0.5], labels)
    np.testing.assert_allclose(slope, [2, 0.5], rtol=0.1)
    np.testing.assert_allclose(offset, [1, 0], atol=0.15)


def test_scores_that_divide_a_label_keep_a_bounded_slope_and_a_reversed_one_its_order() -> None:
    x = np.linspace(-1, 1, 40)
    assert fit_platt(x, (x > 0).astype(np.int8))[0] <= 10.001
    assert fit_platt(x, (x < 0).astype(np.int8))[0] >= 0.0999


def test_average_precision_stays_and_the_calibration_error_falls() -> None:
    scores, labels = scored(count=400, unknown=0.1)
    logits = (3 * logit(scores.clip(1e-6, 1 - 1e-6)) + 1).astype(np.float32)
    fitted = fit_label_sets(logits, labels, rule="f1", confident_accuracy=0.98)
    probabilities = calibrated(logits, fitted.fitted)
    np.testing.assert_allclose(
        average_precisions(probabilities, labels), average_precisions(logits, labels), atol=1e-3
    )
    assert fitted.report["calibration_error"] < fitted.report["calibration_error_before"] / 2
    assert fitted.report["calibration_error"] == label_calibration_error(probabilities, labels)
    assert len(fitted.fitted["thresholds"]) == 5


def test_thresholds_are_those_of_a_structures_probabilities_outside_its_fits() -> None:
    scores, labels = scored(count=400)
    logits = logit(scores.clip(1e-6, 1 - 1e-6)).astype(np.float32)
    seen: list[NDArray[np.floating]] = []

    def fit_joint(z: NDArray[np.floating], y: NDArray[np.int8]) -> tuple[NDArray[np.float32], dict[str, Any]]:
        seen.append(z)
        return (expit(z) / 4).astype(np.float32), {"name": "quarter"}

    how: dict[str, Any] = {"rule": "f1", "confident_accuracy": 0.98}
    alone, joint = (fit_label_sets(logits, labels, fit_joint=fit, **how) for fit in (None, fit_joint))
    np.testing.assert_allclose(expit(seen[0]), calibrated(logits, alone.fitted), atol=1e-6)
    quarter = np.array(alone.fitted["thresholds"]) / 4
    np.testing.assert_allclose(joint.fitted["thresholds"], quarter, atol=1e-6)
    assert joint.fitted["structure"] == {"name": "quarter"}
    assert "structure" not in alone.fitted
    assert joint.report["macro_f1"] == alone.report["macro_f1"]
    assert joint.report["calibration_error"] > alone.report["calibration_error"]


def test_few_images_are_fitted_to_nothing() -> None:
    scores, labels = scored(count=20)
    fitted = fit_label_sets(logit(scores).astype(np.float32), labels, rule="f1", confident_accuracy=0.98)
    assert fitted.fitted["slope"] == [1.0] * 5
    assert fitted.fitted["thresholds"] == [0.5] * 5
    assert not fitted.fitted["fitted"]


def test_the_confidence_of_a_set_is_the_product_of_its_answers() -> None:
    probabilities = np.array([[0.9, 0.2, 0.5]])
    assert set_confidence(probabilities, probabilities > 0.5)[0] == pytest.approx(0.9 * 0.8 * 0.5)
