"""Calibration of several labels: a slope and an offset of each label's logit (Platt scaling)."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from darkroom.evaluation.calibration import calibration_error

FEWEST = 5  # images with a label, and without it: fewer say too little about its probabilities
STEEPEST = 10.0  # slope: of labels that the scores divide without a mistake it would have no bound


def fit_platt(logits: NDArray[np.floating], labels: NDArray[np.int8]) -> tuple[float, float]:
    """Return slope and offset such that sigmoid(slope * logit + offset) is the probability of one label.

    The smallest log-loss on logits [N] and labels int8 [N] with Platt's targets, which stay away from 0 and 1
    by one image (Platt 1999; Lin, Lin and Weng 2007, Machine Learning 68). The slope is 1/`STEEPEST` to
    `STEEPEST`, so that the order of the images stays.

    >>> random = np.random.default_rng(0)
    >>> logits = random.normal(size=20_000)
    >>> labels = (random.random(20_000) < expit(2 * logits - 1)).astype(np.int8)
    >>> [round(value, 1) for value in fit_platt(logits, labels)]
    [2.0, -1.0]
    """
    from scipy.optimize import minimize  # takes 0.4 s to import; one stage fits

    known = labels >= 0
    x, yes = np.asarray(logits[known], dtype=np.float64), labels[known] == 1
    positive, negative = yes.sum(), (~yes).sum()
    wanted = np.where(yes, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope = np.exp(values[0])
        z = slope * x + values[1]
        wrong = expit(z) - wanted
        mean = (np.logaddexp(0, z) - wanted * z).mean()
        return float(mean), np.array([(wrong * x).mean() * slope, wrong.mean()])

    bound = float(np.log(STEEPEST))
    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-bound, bound), (None, None)])
    return float(np.exp(found.x[0])), float(found.x[1])


def fit_label_calibration(
    logits: NDArray[np.floating], labels: NDArray[np.int8]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return slope and offset of each label, float64 [L]; 1 and 0 for a label with too few images."""
    slopes, offsets = np.ones(labels.shape[1]), np.zeros(labels.shape[1])
    for label in range(labels.shape[1]):
        answers = labels[:, label]
        if min((answers == 1).sum(), (answers == 0).sum()) >= FEWEST:
            slopes[label], offsets[label] = fit_platt(logits[:, label], answers)
    return slopes, offsets


def label_calibration_error(probabilities: NDArray[np.floating], labels: NDArray[np.int8]) -> float:
    """Return the expected calibration error of all pairs of an image and a label, 0 to 1.

    As `calibration_error`, with whether the label is there in place of whether the class was right.

    >>> label_calibration_error(np.full((4, 1), 0.75), np.array([[1], [1], [1], [0]], dtype=np.int8))
    0.0
    """
    known = labels >= 0
    return calibration_error(np.asarray(probabilities[known], dtype=np.float32), labels[known] == 1)
