"""What is fitted on validation images, and nothing where the model trained on them."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from darkroom.evaluation.calibration import fit_temperature
from darkroom.evaluation.calibration_fit import FEWEST_IMAGES, fit_calibration, summary
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
    logits = np.zeros((30, 2), dtype=np.float32)
    found = fit_calibration(logits, np.arange(30) % 2, confident_accuracy=0.9, held_out=True)
    assert found.fitted["confident_from"] is None
    assert "confident_coverage" not in found.report
    assert "no confidence reaches calibrate.confident_accuracy=0.9" in summary(found)


def test_nothing_is_fitted_on_images_that_were_trained_on() -> None:
    logits, labels = calibrated_logits(100, sharpness=3.0)
    found = fit_calibration(logits, labels, confident_accuracy=0.9, held_out=False)
    assert found.fitted == {
        "temperature": 1.0, "confident_from": None, "confident_accuracy": 0.9, "held_out": False,
        "fitted": False,
    }  # fmt: skip
    assert found.report == {"temperature": 1.0, "images": 100}
    assert found.curve.empty
    assert found.curve.columns.tolist() == ["threshold", "coverage", "accuracy"]
    assert "none are left to fit on" in summary(found)


def test_few_images_say_too_little_to_fit_anything_on_them() -> None:
    logits, labels = calibrated_logits(FEWEST_IMAGES, sharpness=3.0)
    enough = fit_calibration(logits, labels, confident_accuracy=0.5, held_out=True)
    assert enough.fitted["fitted"]
    assert enough.fitted["temperature"] != 1
    few = fit_calibration(logits[1:], labels[1:], confident_accuracy=0.5, held_out=True)
    assert few.fitted == {
        "temperature": 1.0, "confident_from": None, "confident_accuracy": 0.5, "held_out": True,
        "fitted": False,
    }  # fmt: skip
    assert few.report == {"temperature": 1.0, "images": FEWEST_IMAGES - 1}
    assert "29 validation images are too few" in summary(few)


def two_classes(images: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return logits [images,2] that are 1.5 times as large as the true ones, and labels drawn by those."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(0, 2.5, (images, 2))
    labels = generator.random(images) > softmax(truth, axis=1)[:, 0]
    return (1.5 * truth).astype(np.float32), labels.astype(np.int64)


def test_a_temperature_pays_from_about_the_fewest_images() -> None:
    """The measurement behind FEWEST_IMAGES: the mean cross-entropy on new images over 200 fits."""
    new_logits, new_labels = two_classes(2000, seed=0)
    places = np.arange(len(new_labels))

    def cross_entropy(temperature: float) -> float:
        return float(-log_softmax(new_logits / temperature, axis=1)[places, new_labels].mean())

    def fitted(images: int) -> float:
        temperatures = [fit_temperature(*two_classes(images, seed)) for seed in range(1, 201)]
        return float(np.mean([cross_entropy(one) for one in temperatures]))

    assert fitted(FEWEST_IMAGES // 3) > cross_entropy(1.0) > fitted(2 * FEWEST_IMAGES)
