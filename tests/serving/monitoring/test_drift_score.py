"""Drift scores: a shift raises the score of the statistic it concerns, and unshifted images raise none."""

from typing import Any

import numpy as np
import pytest

from darkroom.serving.monitoring.drift_score import MIN_IMAGES, WINDOW
from tests.helpers.drift import drift_model, unshifted_images


def test_unshifted_images_rarely_raise_an_alarm() -> None:
    model = drift_model()
    rows = model.rows(unshifted_images())
    generator = np.random.default_rng(0)
    samples = [rows[generator.permutation(len(rows))[:WINDOW]] for _ in range(200)]
    alarms = [max(model.reference.scores(sample).values()) >= 1 for sample in samples]
    assert np.mean(alarms) <= 0.02


@pytest.mark.parametrize(
    ("change", "statistic"),
    [
        (lambda x: x + 15, "brightness"),
        (lambda x: (x - 60) * 0.7 + 60, "contrast"),
        (lambda x: x + np.random.default_rng(0).normal(0, 8, x.shape), "grain"),
        (lambda x: x * [1.2, 1, 0.9], "warmth"),
        (lambda x: x[:, ::-1], "embedding"),
        (lambda x: np.where(x > 60, 220, 20), "distance"),
    ],
    ids=["brighter", "less contrast", "noisy", "warmer", "upside down", "two grey levels"],
)
def test_a_shift_is_detected_by_its_statistic(change: Any, statistic: str) -> None:
    model, unshifted = drift_model(), unshifted_images()[:WINDOW]
    shifted = np.clip(change(unshifted.astype(np.float64)), 0, 255).astype(np.uint8)
    scores = model.scores(shifted)
    assert scores[statistic] >= 1, scores
    assert model.scores(unshifted)[statistic] < 1


def test_a_different_class_mix_is_detected() -> None:
    model, unshifted = drift_model(), unshifted_images()
    predicted = model.classifier.predict(unshifted).argmax(1)
    most_frequent = np.bincount(predicted, minlength=10).argmax()
    assert model.scores(unshifted[predicted == most_frequent])["class_mix"] >= 1


def test_lower_confidence_is_detected() -> None:
    model, unshifted = drift_model(), unshifted_images()[:WINDOW]
    probabilities = model.classifier.predict(unshifted)
    flatter = probabilities**0.7 / (probabilities**0.7).sum(1, keepdims=True)
    assert model.scores(unshifted, probabilities=flatter)["confidence"] >= 1


def test_few_images_have_no_score() -> None:
    reference = drift_model().reference
    with pytest.raises(ValueError, match=f"needed: {MIN_IMAGES} or more"):
        reference.scores(np.zeros((MIN_IMAGES - 1, reference.columns), np.float32))
