"""Top-k accuracy: the share of the images whose label is among the k most probable classes."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.intervals import wilson_interval


def top_k_accuracy(probabilities: NDArray[np.float64], labels: NDArray[np.int64], *, k: int) -> float:
    """Return the share 0..1 of images whose label is among the `k` most probable classes.

    Of equal probabilities the first classes come first, as in `accuracy`, so that top-1 accuracy is
    accuracy (scikit-learn's `top_k_accuracy_score` takes the last). A `k` of K or more gives 1.

    >>> probabilities = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1]])
    >>> top_k_accuracy(probabilities, np.array([1, 2]), k=2)
    0.5
    """
    return _correct(probabilities, labels, k) / len(labels)


def top_k_accuracy_interval(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], _resamples: int, *, k: int
) -> tuple[float, float]:
    """Return the 95 % Wilson interval of the top-k accuracy."""
    return wilson_interval(_correct(probabilities, labels, k), len(labels))


def _correct(probabilities: NDArray[np.float64], labels: NDArray[np.int64], k: int) -> int:
    own = probabilities[np.arange(len(labels)), labels][:, None]
    # The rank of the label: how many classes are more probable, or equally probable and earlier.
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    ahead = (probabilities > own) | ((probabilities == own) & earlier)
    return int((ahead.sum(axis=1) < k).sum())
