"""Images picked one by one, as one array."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def stacked(images: Sequence[NDArray[np.uint8]], *, like: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images [H,W,C] as one array [n,H,W,C], also where there are none.

    >>> stacked([], like=np.zeros((5, 8, 8, 3), dtype=np.uint8)).shape
    (0, 8, 8, 3)
    """
    return np.stack(images) if images else np.empty((0, *like.shape[1:]), dtype=np.uint8)
