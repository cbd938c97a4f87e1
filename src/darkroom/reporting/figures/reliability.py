"""The reliability diagram."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.ticker import MaxNLocator

from darkroom.reporting.figures.checks import require_share, require_shares, require_table
from darkroom.reporting.figures.style import (
    BLUE,
    ORANGE,
    PALE,
    SOFT,
    WIDTH,
    format_share,
    interval_reach,
    open_png,
    percent_tick,
    thousands,
)


def reliability_figure(path: Path, table: pd.DataFrame, *, error: float, temperature: float | None) -> None:
    """Draw the reliability diagram: the accuracy of each bin of confidence against its mean confidence.

    A bin is marked where the interval of its accuracy does not contain its mean confidence. The lower
    panel shows how many images each bin has.

    Args:
        path: of the PNG.
        table: one row a bin of confidence that has images: `low` and `high` (its edges), `images`,
            `confidence` (the mean), `accuracy`, `accuracy_low` and `accuracy_high` (its 95 % interval);
            shares within 0..1.
        error: the expected calibration error, 0..1.
        temperature: the divisor of the logits; 1 changes nothing. None: no temperature was fitted.

    Raises:
        ValueError: a column is missing, there is no row, or a number is outside its range.
    """
    shares = ["low", "high", "confidence", "accuracy", "accuracy_low", "accuracy_high"]
    require_table(table, [*shares, "images"], "table", "no image has a confidence")
    require_shares(table, shares)
    require_share("error", error)
    if temperature is not None and not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    low, wide = table["low"].to_numpy(float), (table["high"] - table["low"]).to_numpy(float)
    confidence, accuracy = table["confidence"].to_numpy(float), table["accuracy"].to_numpy(float)
    reach = interval_reach(table)
    off = (confidence < accuracy - reach[0]) | (confidence > accuracy + reach[1])
    with open_png(path, WIDTH, 6.4) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.4, 1])
        upper.plot([0, 1], [0, 1], "--", color=SOFT, linewidth=1.2, label="perfectly calibrated")
        for rows, colour, mark, name in (
            (~off, BLUE, "o", "accuracy, 95 % interval"),
            (off, ORANGE, "D", "interval off the line"),
        ):
            if rows.any():
                upper.errorbar(
                    confidence[rows],
                    accuracy[rows],
                    yerr=reach[:, rows],
                    fmt=mark,
                    color=colour,
                    markersize=6,
                    elinewidth=1.4,
                    capsize=3,
                    label=name,
                )
        upper.text(0.01, 0.98, "underconfident", color=SOFT, va="top")
        upper.text(0.99, 0.02, "overconfident", color=SOFT, ha="right")
        upper.set_xlim(-0.01, 1.01)
        upper.set_ylim(-0.02, 1.02)
        upper.set_ylabel("accuracy")
        upper.xaxis.set_major_formatter(percent_tick)
        upper.yaxis.set_major_formatter(percent_tick)
        lower.bar(low, table["images"], width=wide, align="edge", color=PALE, edgecolor="white")
        numbers = [f"{images:,}" for images in table["images"]]
        # The axis is some 500 points wide, and a digit 0.64 times as wide as its font size.
        small = min(9.0, 480 * float(wide.min()) / (0.64 * max(map(len, numbers))))
        if small >= 6:
            for place, images, number in zip(low + wide / 2, table["images"], numbers, strict=True):
                above: dict[str, Any] = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center"}
                lower.annotate(number, (float(place), images), fontsize=small, **above)
        lower.set_ylim(0, 1.22 * float(table["images"].max()))
        lower.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))
        lower.yaxis.set_major_formatter(thousands)
        lower.grid(False, axis="x")
        lower.set_xlabel("confidence")
        lower.set_ylabel("images")
        figure.align_ylabels()
        figure.legend(loc="outside lower center", ncols=3)
        fitted = "no temperature fitted" if temperature is None else f"at temperature {temperature:.3g}"
        upper.set_title(f"expected calibration error {format_share(error, 2)}, {fitted}")
