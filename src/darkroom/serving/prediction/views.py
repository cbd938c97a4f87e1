"""The answer from one view of an image, or from all views where one leaves doubt."""

import numpy as np
from numpy.typing import NDArray

ONE_VIEW = "one_view_"  # before the names of those outputs of a graph that are by one view
WEIGHT = "all_views_weight"  # the output that says which share of an image's answer all views have, 0 to 1


def blend(
    one: NDArray[np.float32], every: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the answers for N images: `weight` of that by all views, and the rest of that by one view.

    >>> one, every = np.array([[0.5, 0.5]], np.float32), np.array([[0.75, 0.25]], np.float32)
    >>> blend(one, every, np.array([0.5], np.float32)).tolist()
    [[0.625, 0.375]]

    Args:
        one: an output by one view, [N, ...].
        every: the same output by all views, of the same shape.
        weight: [N], from 0 to 1.
    """
    return one + weight.reshape(-1, *[1] * (one.ndim - 1)) * (every - one)
