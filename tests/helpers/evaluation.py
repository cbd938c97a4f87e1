"""Predictions with known metrics: six worked out by hand, and any number with a known temperature."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

CLASSES = ["cat", "dog", "ship"]
# Predicted: cat cat dog dog ship cat. So cat: 3 predicted, 2 of 3 correct; dog: 2 predicted, 1 of 2 correct;
# ship: 1 predicted, 1 of 1 correct.
PROBABILITIES = np.array(
    [
        [0.7, 0.2, 0.1],
        [0.5, 0.4, 0.1],
        [0.3, 0.6, 0.1],
        [0.1, 0.8, 0.1],
        [0.0, 0.1, 0.9],
        [0.6, 0.1, 0.3],
    ],
    dtype=np.float32,
)
LABELS = np.array([0, 0, 0, 1, 2, 1], dtype=np.int64)


def calibrated_logits(
    images: int, *, sharpness: float, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return logits whose softmax is the true chance of each label once divided by `sharpness`."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(0, 2, (images, 5))
    chances = softmax(truth, axis=1)
    labels = (generator.random((images, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    return (truth * sharpness).astype(np.float32), labels.astype(np.int64)
