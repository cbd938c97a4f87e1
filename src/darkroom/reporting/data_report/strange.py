"""Images that look strange: dark, bright, blurred, blank, of an odd shape or size.

An image is dark or bright where it is so in itself and also unlike the rest: a data set of X-rays is dark
by nature, and none of its images is told for that.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FAR = 3.0  # robust standard deviations from the median
DARK, BRIGHT = 40.0, 215.0  # mean of the grey values
BLANK = 3.0  # standard deviation of the grey values
BLURRED = 0.1  # of the median sharpness
SHAPE = 2.0  # times longer or wider than the usual shape
SIZE = 8.0  # times as many pixels as the usual image, or as few
LARGEST_SHARE = 0.2  # of the images: more are not strange but a kind of their own
KINDS = {
    "blank": "hardly anything is on it",
    "dark": "much darker than the others",
    "bright": "much brighter than the others",
    "blurred": "much less sharp than the others",
    "shape": "much longer or wider than the others",
    "size": "many times larger or smaller than the others",
    "small": "smaller than the model's input, so it is enlarged",
}


def strange(facts: pd.DataFrame, *, height: int, width: int) -> pd.DataFrame:
    """Return the images that look strange, the strangest of each kind first.

    Args:
        facts: rows of `image_facts`.
        height: of the model's input, in pixels.
        width: of the model's input, in pixels.

    Returns:
        A row an image and kind: `kind` (one of `KINDS`), `value` (what was measured), and `split`, `index`,
        `label` and `path` of the image.
    """
    bright, sharp = facts["brightness"].to_numpy(float), facts["sharpness"].to_numpy(float)
    blank = facts["contrast"].to_numpy(float) < BLANK
    known = (facts["width"] > 0).to_numpy()
    wide, high = facts["width"].to_numpy(float), facts["height"].to_numpy(float)
    shape = np.log(np.where(known, wide / np.maximum(high, 1), 1))
    area = np.log(np.where(known, np.maximum(wide * high, 1), 1))
    usual_sharp = float(np.median(sharp)) if len(sharp) else 0.0
    off_shape, off_area = _off(shape, known), _off(area, known)
    is_small = known & ((high < height) & (wide < width))
    found = {
        "blank": (blank, facts["contrast"].to_numpy(float), 1),
        "dark": (~blank & (bright < DARK) & (_far(bright) < -FAR), bright, 1),
        "bright": (~blank & (bright > BRIGHT) & (_far(bright) > FAR), bright, -1),
        "blurred": (~blank & (sharp < BLURRED * usual_sharp), sharp, 1),
        "shape": (known & (np.abs(off_shape) > np.log(SHAPE)), wide / np.maximum(high, 1), 0),
        "size": (known & (np.abs(off_area) > np.log(SIZE)), wide * high, 0),
        "small": (is_small, wide * high, 1),
    }
    tables = []
    for kind, (chosen, value, order) in found.items():
        share = chosen.mean() if len(chosen) else 0.0
        if kind in ("shape", "size", "blurred") and share > LARGEST_SHARE:
            continue
        rows = facts.loc[chosen, ["split", "index", "label", "path"]]
        rows = rows.assign(kind=kind, value=np.round(value[chosen], 2))
        tables.append(rows.sort_values("value", ascending=order >= 0, kind="stable"))
    columns = ["kind", "value", "split", "index", "label", "path"]
    return pd.DataFrame(pd.concat(tables, ignore_index=True), columns=columns)


def _far(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far values lie from their median, in robust standard deviations."""
    if not len(values):
        return values
    off = values - np.median(values)
    spread = 1.4826 * np.median(np.abs(off))
    return np.asarray(off / max(spread, 1e-3), dtype=np.float64)


def _off(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    return values - (np.median(values[known]) if known.any() else 0.0)
