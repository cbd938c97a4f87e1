"""Accuracy under corruptions."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom.reporting.figures.checks import require_share, require_shares, require_table
from darkroom.reporting.figures.style import (
    BLUE,
    SOFT,
    WIDTH,
    format_share,
    open_png,
    percent_tick,
    shortened,
)


def corruptions_figure(path: Path, table: pd.DataFrame, *, clean: float, measure: str = "accuracy") -> None:
    """Draw a panel a corruption, in the table's order: the accuracy against its strength.

    The title has the mean corruption accuracy: the mean over the corruptions of their mean over the
    strengths.

    Args:
        path: of the PNG.
        table: one row a corruption and strength: `corruption`, `strength` (whole numbers), `images`,
            `accuracy`, `accuracy_low` and `accuracy_high` (its 95 % interval); shares within 0..1.
        clean: the accuracy on the same images as they are, 0..1.
        measure: what to call the figure in the column `accuracy`.

    Raises:
        ValueError: a column is missing, there is no row, or a share is not 0..1.
    """
    shares = ["accuracy", "accuracy_low", "accuracy_high"]
    needed = ["corruption", "strength", "images", *shares]
    require_table(table, needed, "table", "there is no corruption to draw")
    require_shares(table, shares)
    require_share("clean", clean)
    names = list(dict.fromkeys(table["corruption"]))
    columns = len(names) if len(names) <= 4 else 3 if len(names) in (5, 6, 9) else 4
    lines = math.ceil(len(names) / columns)
    strengths = sorted(set(table["strength"]))
    fewest, most = table["images"].min(), table["images"].max()
    images = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    means = []
    with open_png(path, WIDTH, 1.1 + 1.9 * lines) as figure:
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place >= len(names):
                axes.remove()
                continue
            rows = table[table["corruption"] == names[place]].sort_values("strength")
            means.append(float(rows["accuracy"].mean()))
            axes.axhline(
                clean, color=SOFT, linewidth=1.2, linestyle="--", label=f"clean: {format_share(clean)}"
            )
            axes.fill_between(
                rows["strength"],
                rows["accuracy_low"],
                rows["accuracy_high"],
                color="#bcd9ec",
                linewidth=1,
                label="95 % interval",
            )
            axes.plot(
                rows["strength"], rows["accuracy"], "-o", color=BLUE, label=f"{measure} on {images} images"
            )
            above: dict[str, Any] = {"xy": (0, 1), "xycoords": "axes fraction", "textcoords": "offset points"}
            axes.annotate(shortened(names[place], 20), xytext=(0, 17), **above)
            axes.annotate(f"mean {format_share(means[-1])}", xytext=(0, 5), fontsize=8.5, color=SOFT, **above)
            axes.tick_params(labelbottom=True)
        first = grid[0, 0]
        first.set_xticks(strengths)
        first.set_xlim(strengths[0] - 0.3, strengths[-1] + 0.3)
        first.set_ylim(0, 1.03)
        first.set_yticks([0, 0.5, 1])
        first.yaxis.set_major_formatter(percent_tick)
        figure.legend(*first.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        mean = format_share(float(np.mean(means)))
        title = f"{measure} by strength of corruption; mean corruption {measure} {mean}"
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
