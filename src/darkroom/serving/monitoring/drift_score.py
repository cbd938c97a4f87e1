"""The statistics of drift: how far the recent images' counts are from the reference's.

Each feature is compared by itself:

    class mix   Pearson's chi-squared between the shares of the predicted classes
    features    the two-sample Anderson-Darling statistic over bins of equal shares (Anderson & Darling 1952)
    embedding   squared distance between the mean coordinates along the principal axes

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
    # a class that the reference lacks counts as half an image
    expected_shares = (reference.classes + 0.5) / (m[..., None] + 0.5 * reference.classes.shape[-1])
    difference = recent.classes / n[..., None] - expected_shares
    class_mix = (difference**2 / expected_shares).sum(axis=-1, keepdims=True) * effective
    below, expected = (
        np.cumsum(counts.bins, axis=-1)[..., :-1] / counts.images[..., None, None]
        for counts in (recent, reference)
    )
    variance = np.maximum(expected * (1 - expected), 0.5 / m[..., None, None])
    features = ((below - expected) ** 2 / variance).mean(axis=-1) * effective
    statistics = [class_mix, features]
    if recent.coordinates.shape[-1]:
        between = recent.coordinates / n[..., None] - reference.coordinates / m[..., None]
        statistics.append((between**2).sum(axis=-1, keepdims=True) * effective)
    return np.concatenate(statistics, axis=-1)
