"""What is fitted on validation images, and nothing where the model trained on them."""

import numpy as np
import pytest

from darkroom.evaluation.calibration_fit import fit_calibration, summary
from tests.helpers.evaluation import calibrated_logits


def test_temperature_and_threshold_are_fitted_and_measured() -> None:
    logits, labels = calibrated_logits(20_000, sharpness=3.0)
    found = fit_calibration(logits, labels, confident_accuracy=0.9, held_out=True)
    assert found.fitted["temperature"] == pytest.approx(3.0, rel=0.05)
    assert found.fitted["confident_accuracy"] == 0.9
    assert found.report["images"] == 20_000
    assert found.report["calibration_error"] < 0.02 < 0.1 < found.report["calibration_error_before"]
    row = found.curve[found.curve["threshold"] >= found.fitted["confident_from"]].iloc[0]
    assert row["accuracy"] >= 0.9
    assert row["coverage"] == pytest.approx(found.report["confident_coverage"])
    line = summary(found)
    assert f"temperature {found.fitted['temperature']:.3f}" in line
    assert "of which 90.0% are correct" in line


def test_an_accuracy_that_no_confidence_reaches_gives_no_threshold() -> None:
    logits = np.zeros((4, 2), dtype=np.float32)
    found = fit_calibration(logits, np.array([0, 1, 0, 1]), confident_accuracy=0.9, held_out=True)
    assert found.fitted["confident_from"] is None
    assert "confident_coverage" not in found.report
    assert "no confidence reaches calibrate.confident_accuracy=0.9" in summary(found)


def test_nothing_is_fitted_on_images_that_were_trained_on() -> None:
    logits, labels = calibrated_logits(100, sharpness=3.0)
    found = fit_calibration(logits, labels, confident_accuracy=0.9, held_out=False)
    assert found.fitted == {
        "temperature": 1.0, "confident_from": None, "confident_accuracy": 0.9, "held_out": False,
    }  # fmt: skip
    assert found.report == {"temperature": 1.0, "images": 100}
    assert found.curve.empty
    assert found.curve.columns.tolist() == ["threshold", "coverage", "accuracy"]
    assert "none are left to fit on" in summary(found)
