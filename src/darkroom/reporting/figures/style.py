"""The style of all figures, legible at the width of a README.

Blue is what is correct or shown, orange what is wrong or marked. The two differ for colour-blind readers,
and no figure shows anything by colour alone. Figures are drawn without pyplot, so there is no global
state and no window system; a file appears whole or not at all, and no file holds a date, so the same
numbers give the same bytes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from darkroom.files import atomic_write

INK, SOFT, FAINT = "#22272e", "#66707c", "#e4e8ec"
BLUE, ORANGE = "#0072b2", "#d55e00"  # from Okabe and Ito's palette
PALE, DEEP = "#8fc1e0", "#00466f"  # blue as well: bars, and the intervals on them
WIDTH = 8.0  # inches; 10-point text stays readable where a README squeezes this to some 800 pixels
BLUES = LinearSegmentedColormap.from_list("blues", ["#ffffff", "#bcd9ec", "#5aa3d0", "#0072b2", "#00466f"])
STYLE: dict[str, Any] = {
    "figure.dpi": 160,
    "savefig.dpi": 160,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called "$"
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "legend.frameon": False,
}


@contextmanager
def open_png(
    path: Path,
    width: float,
    height: float,
    layout: Literal["constrained", "compressed"] | None = "constrained",
) -> Iterator[Figure]:
    """Yield a figure of `width` by `height` inches in the common style; at the end write it to `path`."""
    # Starts from matplotlib's defaults, so that a user's own settings change nothing.
    with style.context(STYLE, after_reset=True):
        figure = Figure(figsize=(width, height), layout=layout)
        yield figure
        with atomic_write(Path(path)) as file:
            # Without "Software" a new matplotlib that draws the same gives the same bytes.
            figure.savefig(file, format="png", metadata={"Software": None})


def interval_reach(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return the distances from each accuracy to the ends of its interval, [2, rows]: matplotlib's errors."""
    low, middle, high = (rows[name].to_numpy(float) for name in ("accuracy_low", "accuracy", "accuracy_high"))
    reach: NDArray[np.float64] = np.clip(np.stack([middle - low, high - middle]), 0, None)
    return reach


def format_share(share: float, digits: int = 1) -> str:
    """Return a share 0..1 in per cent with `digits` decimals.

    >>> format_share(0.93674, 2)
    '93.67 %'
    """
    return f"{share:.{digits}%}".replace("%", " %")


def thousands(value: float, _place: float) -> str:
    """Return a number of images as the label of a tick.

    >>> thousands(45000, 0)
    '45,000'
    """
    return f"{value:,.0f}"


def percent_tick(value: float, _place: float) -> str:
    """Return a share 0..1 as the label of a tick.

    >>> percent_tick(0.995, 0)
    '99.5 %'
    """
    return f"{100 * value:g} %"


def shortened(name: str, most: int) -> str:
    """Return `name` in one line, cut where it is longer than `most` characters.

    >>> shortened("a name that is too long", 8)
    'a name …'
    """
    name = " ".join(str(name).split())
    return name if len(name) <= most else name[: most - 1] + "…"
