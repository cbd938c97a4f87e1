"""Accuracy of slices."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from darkroom.reporting.figures.checks import require_shares, require_table
from darkroom.reporting.figures.style import (
    BLUE,
    ORANGE,
    SOFT,
    WIDTH,
    format_share,
    interval_reach,
    open_png,
    percent_tick,
    shortened,
)
from darkroom.reporting.selection import in_words, worst_and_best


def slices_figure(path: Path, table: pd.DataFrame) -> None:
    """Draw the accuracy of each group of images with its interval, one slice below the other.

    The line is the accuracy of all images, computed from the first slice; a group is marked where its
    whole interval is below that line. Of a slice with more than 100 groups the worst and the best are drawn.

    Args:
        path: of the PNG.
        table: one row a group: `slice` (what the images are cut by), `group`, `images`, `accuracy`,
            `accuracy_low` and `accuracy_high` (its 95 % interval); shares within 0..1, ignored where a
            group has no images.

    Raises:
        ValueError: a column is missing, there is no row, a share is not 0..1, or the first slice has no
            images.
    """
    shares = ["accuracy", "accuracy_low", "accuracy_high"]
    require_table(table, ["slice", "group", "images", *shares], "table", "there is no slice to draw")
    require_shares(table[table["images"] > 0], shares)
    first = table[(table["slice"] == table["slice"].iloc[0]) & (table["images"] > 0)]
    if first.empty:
        raise ValueError(
            f"the slice {table['slice'].iloc[0]!r} has no images, so the accuracy of all images is unknown"
        )
    overall = float((first["accuracy"] * first["images"]).sum() / first["images"].sum())
    heads, parts, place = [], [], 0.0
    for name in dict.fromkeys(table["slice"]):
        part = table[table["slice"] == name]
        groups = len(part)
        part = worst_and_best(part, by="accuracy", images="images")
        which = in_words(len(part), groups)
        heads.append((place, f"by {shortened(str(name), 24)}{f' ({which})' if which else ''}"))
        parts.append(part.assign(place=place + 1 + np.arange(len(part))))
        place += len(part) + 1.6
    rows = pd.concat(parts)
    known = rows[rows["images"] > 0]
    below = known["accuracy_high"] < overall
    few = len(rows) <= 30
    small = 10.0 if few else 7.5
    with open_png(path, WIDTH, 1.5 + (0.32 if few else 0.19) * place) as figure:
        axes = figure.add_subplot()
        axes.axvline(overall, color=SOFT, linewidth=1.2, linestyle="--", label="all images")
        for shown, colour, mark, label in (
            (known[~below], BLUE, "o", "accuracy, 95 % interval"),
            (known[below], ORANGE, "D", "interval below all images"),
        ):
            if not shown.empty:
                axes.errorbar(
                    shown["accuracy"],
                    shown["place"],
                    xerr=interval_reach(shown),
                    fmt=mark,
                    color=colour,
                    markersize=6 if few else 4,
                    elinewidth=1.4,
                    capsize=3 if few else 2,
                    label=label,
                )
        for at, accuracy, images in zip(rows["place"], rows["accuracy"], rows["images"], strict=True):
            text = f"{format_share(accuracy)} of {images:,}" if images else "no images"
            axes.text(1.02, at, text, va="center_baseline", fontsize=small,
                      transform=axes.get_yaxis_transform())  # fmt: skip
        names = [name for _, name in heads] + [shortened(str(name), 24) for name in rows["group"]]
        axes.set_yticks([at for at, _ in heads] + list(rows["place"]), names, fontsize=small)
        for heading in axes.get_yticklabels()[: len(heads)]:
            heading.set_fontweight("bold")
        axes.tick_params(axis="y", length=0)
        # The last slice leaves 0.6 of a row below it; the first gets the same distance above.
        axes.set_ylim(place - 0.8, -0.6)
        leftmost = math.floor(10 * min(float(known["accuracy_low"].min()), overall) + 1e-9) / 10
        leftmost = min(max(leftmost, 0.0), 0.9)
        room = 0.015 * (1 - leftmost)  # so that a point at 100 % is not cut
        axes.set_xlim(leftmost - room, 1 + room)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(percent_tick)
        if not few:  # the axis at the bottom is far away
            axes.tick_params(axis="x", top=True, labeltop=True)
        figure.legend(loc="outside lower center", ncols=3)
        axes.set_title(f"accuracy of each slice of the images; all together: {format_share(overall, 2)}")
