"""The reference for drift holds the features that are comparable, and no others."""

import numpy as np
import pytest

from darkroom.serving.monitoring.reference_building import build_reference
from darkroom.serving.prediction.runtime import Prediction
from tests.helpers.drift import drift_model, unshifted_images
from tests.helpers.serving import CIFAR, random_image


def test_a_reference_of_training_images_leaves_confidence_and_embedding_out() -> None:
    images, classifier = unshifted_images(), drift_model().classifier
    training, new = images[:200], images[200:700]
    reference = build_reference(
        training, classifier.explain(training), classes=CIFAR, sha256="0" * 64, held_out=False
    )
    assert {"confidence", "distance", "novelty", "embedding"} & set(reference.statistics) == set()
    assert "brightness" in reference.statistics
    assert reference.scores(reference.describe(new, classifier.explain(new)))["brightness"] < 1
    with pytest.raises(ValueError, match="49 images are too few"):
        build_reference(images[:49], classifier.explain(images[:49]), classes=CIFAR, sha256="0" * 64)


def test_grey_images_and_models_without_embedding_have_fewer_statistics() -> None:
    pixels = np.stack([random_image(8, 8, 1, seed=seed) for seed in range(120)])
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), len(pixels)).astype(np.float32)
    prediction = Prediction(probabilities)
    reference = build_reference(pixels, prediction, classes=("a", "b", "c"), sha256="0" * 64)
    assert {"saturation", "warmth", "distance", "embedding"} & set(reference.statistics) == set()
    assert max(reference.scores(reference.describe(pixels, prediction)).values()) < 1
