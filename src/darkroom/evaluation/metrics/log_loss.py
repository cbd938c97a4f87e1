"""Log loss: the mean cross-entropy between the probabilities and the labels."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.intervals import bootstrap_interval


def log_loss(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the mean of -log(probability of the label), in nats, 0 or more.

    A probability of 0 counts as float32's smallest normal number, as a float32 softmax underflows to 0;
    scikit-learn's `log_loss` cuts at 2.2e-16, which hides how wrong a confident prediction is.

    >>> round(log_loss(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1])), 4)
    0.4904
    """
    return float(_losses(probabilities, labels).mean())


def log_loss_interval(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], resamples: int
) -> tuple[float, float]:
    """Return the bootstrapped 95 % interval of the log loss."""
    losses = _losses(probabilities, labels)
    return bootstrap_interval(lambda drawn: float(losses[drawn].mean()), len(labels), resamples)


def _losses(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the loss of each image, [N]."""
    own = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.maximum(own, np.finfo(np.float32).tiny)))
