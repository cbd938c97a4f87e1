"""What figures refuse to draw."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def refuse_table(table: pd.DataFrame, needed: Sequence[str], name: str, empty: str) -> None:
    """Raise ValueError where a table lacks a column or has no row; `empty` says what that means."""
    missing = [column for column in needed if column not in table.columns]
    if missing:
        has = ", ".join(map(str, table.columns))
        raise ValueError(f"the {name} lacks {', '.join(missing)}; it has {has}")
    if table.empty:
        raise ValueError(f"the {name} has no rows: {empty}")


def refuse_shares(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise ValueError where a column holds a number that is no share."""
    for name in columns:
        for value in table[name].to_numpy(float):
            refuse_share(name, value)


def refuse_share(name: str, value: float) -> None:
    """Raise ValueError where `value` is not 0 to 1, but for what a sum of probabilities may be off."""
    if not -1e-9 <= value <= 1.001:
        raise ValueError(f"{name} must be 0 to 1, got {value}")


def refuse_images(name: str, images: NDArray[np.uint8]) -> None:
    """Raise ValueError where `images` are no images that can be drawn."""
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.uint8:
        raise ValueError(f"{name} must be uint8 [n, H, W, 1 or 3], got {images.dtype} {list(images.shape)}")
