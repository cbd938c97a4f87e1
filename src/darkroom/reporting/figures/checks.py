"""What figures require of their input; each check raises ValueError and names the bad value."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def require_table(table: pd.DataFrame, columns: Sequence[str], name: str, empty: str) -> None:
    """Require `columns` and at least one row; `empty` says what a table without rows means.

    >>> require_table(pd.DataFrame({"epoch": [1]}), ["loss"], "curve", "no epoch was trained")
    Traceback (most recent call last):
    ValueError: the curve lacks loss; it has epoch
    """
    missing = [column for column in columns if column not in table.columns]
    if missing:
        has = ", ".join(map(str, table.columns))
        raise ValueError(f"the {name} lacks {', '.join(missing)}; it has {has}")
    if table.empty:
        raise ValueError(f"the {name} has no rows: {empty}")


def require_shares(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Require that every number of the columns is a share 0..1."""
    for name in columns:
        for value in table[name].to_numpy(float):
            require_share(name, value)


def require_share(name: str, value: float) -> None:
    """Require a share 0..1, with a tolerance for sums of float32 probabilities.

    >>> require_share("confidence", 50.0)
    Traceback (most recent call last):
    ValueError: confidence must be 0 to 1, got 50.0
    """
    if not -1e-9 <= value <= 1.001:
        raise ValueError(f"{name} must be 0 to 1, got {value}")


def require_images(name: str, images: NDArray[np.uint8]) -> None:
    """Require images that can be drawn: uint8 [n, H, W, 1 or 3]."""
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.uint8:
        raise ValueError(f"{name} must be uint8 [n, H, W, 1 or 3], got {images.dtype} {list(images.shape)}")
