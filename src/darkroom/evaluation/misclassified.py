"""The misclassified images that the classifier was most confident of."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.probabilities import checked_probabilities


def worst_misclassified(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, count: int
) -> NDArray[np.int64]:
    """Return the indices (int64, at most `count`) of misclassified images, the most confident first.

    Equal confidence keeps the order of the images.

    >>> probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.1, 0.9]], dtype=np.float32)
    >>> worst_misclassified(probabilities, np.array([1, 1, 1]), count=5).tolist()
    [1, 0]

    Raises:
        ValueError: as `checked_probabilities`, or `count` is negative.
    """
    if count < 0:
        raise ValueError(f"count must be 0 or more, got {count}")
    checked, labels = checked_probabilities(probabilities, labels)
    wrong = np.flatnonzero(checked.argmax(axis=1) != labels)
    confidence = checked[wrong].max(axis=1)
    return wrong[np.argsort(-confidence, kind="stable")][:count].astype(np.int64)
