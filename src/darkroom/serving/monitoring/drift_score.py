"""The statistics of drift: how far the recent images' counts are from the reference's.

Each feature is compared by itself:

    class mix   Pearson's chi-squared between the shares of the predicted classes
    features    the two-sample Anderson-Darling statistic over bins of equal shares (Anderson & Darling 1952)
    embedding   squared distance between the mean coordinates along the principal axes

Of several labels in place of the class mix:

    label mix   the sum of the labels' squared differences of shares, each in units of its own variance
    label pairs the same of the covariances of pairs of labels: which go together more, or less, than before

`thresholds.py` turns them into scores with a common limit.
"""

import numpy as np
from numpy.typing import NDArray

from .counts import Counts

WINDOW = 500  # most recent images that are compared together
MIN_IMAGES = 100  # with fewer there is no score
CHECK_EVERY = 25  # images from one check to the next


def compare(recent: Counts, reference: Counts) -> NDArray[np.float64]:
    """Return the statistics `[..., J]`: class mix, each feature, and the embedding where there is one.

    Args:
        recent: counts of recent images, with any leading dimensions.
        reference: counts of the reference images, with the same or none.

    >>> import numpy as np
    >>> def counts(*classes):
    ...     images = np.array(float(sum(classes)))
    ...     return Counts(images, np.array(classes, float), np.ones((0, 4)), np.ones(0))
    >>> compare(counts(50, 50), counts(500, 500)).round(1).tolist()
    [0.0]
    >>> compare(counts(80, 20), counts(500, 500)).round(1).tolist()
    [32.7]
    """
    n, m = recent.images, reference.images
    effective = (n * m / (n + m))[..., None]
    if recent.together is not None:
        return _compare_labels(recent, reference, effective)
    # a class that the reference lacks counts as half an image
    expected_shares = (reference.classes + 0.5) / (m[..., None] + 0.5 * reference.classes.shape[-1])
    difference = recent.classes / n[..., None] - expected_shares
    class_mix = (difference**2 / expected_shares).sum(axis=-1, keepdims=True) * effective
    return np.concatenate([class_mix, *_features(recent, reference, effective)], axis=-1)


def _compare_labels(recent: Counts, reference: Counts, effective: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the statistics of several labels: label mix, features, embedding, label pairs."""
    n, m = recent.images[..., None], reference.images[..., None]
    shares = (reference.classes + 0.5) / (m + 1)  # half an image for a label that the reference lacks
    variance = shares * (1 - shares)
    difference = recent.classes / n - shares
    mix = (difference**2 / variance).sum(axis=-1, keepdims=True) * effective
    statistics = [mix, *_features(recent, reference, effective)]
    pairs = recent.pairs
    if pairs is not None and len(pairs):
        between = _covariances(recent) - _covariances(reference)
        scale = variance[..., pairs[:, 0]] * variance[..., pairs[:, 1]]
        statistics.append((between**2 / scale).sum(axis=-1, keepdims=True) * effective)
    return np.concatenate(statistics, axis=-1)


def _covariances(counts: Counts) -> NDArray[np.float64]:
    """Return the covariance of each pair of labels, `[..., P]`: 0 where they do not depend on each other."""
    if counts.pairs is None or counts.together is None:
        raise ValueError("the counts are of images with one label, which have no pairs")
    shares = counts.classes / counts.images[..., None]
    first, second = shares[..., counts.pairs[:, 0]], shares[..., counts.pairs[:, 1]]
    return np.asarray(counts.together / counts.images[..., None] - first * second)


def _features(recent: Counts, reference: Counts, effective: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the statistics of the features `[..., S]`, and of the embedding `[..., 1]` if there is one."""
    n, m = recent.images, reference.images
    below, expected = (
        np.cumsum(counts.bins, axis=-1)[..., :-1] / counts.images[..., None, None]
        for counts in (recent, reference)
    )
    variance = np.maximum(expected * (1 - expected), 0.5 / m[..., None, None])
    features = ((below - expected) ** 2 / variance).mean(axis=-1) * effective
    statistics = [features]
    if recent.coordinates.shape[-1]:
        between = recent.coordinates / n[..., None] - reference.coordinates / m[..., None]
        statistics.append((between**2).sum(axis=-1, keepdims=True) * effective)
    return statistics
