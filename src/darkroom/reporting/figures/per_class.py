"""Recall and precision of each class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure, SubFigure

from darkroom.evaluation.multilabel.precision_recall import Curve
from darkroom.reporting.figures.checks import require_table
from darkroom.reporting.figures.precision_recall import draw_precision_recall, precision_recall_height
from darkroom.reporting.figures.style import DEEP, ORANGE, PALE, WIDTH, open_png, percent_tick, shortened
from darkroom.reporting.selection import in_words, worst_and_best


def per_class_figure(path: Path, table: pd.DataFrame, curves: Mapping[str, Curve] | None = None) -> None:
    """Draw each class: a bar for its recall with the 95 % interval, a mark for its precision; best on top.

    Of more than 100 classes only the worst and the best that have images are drawn.

    Args:
        path: of the PNG.
        table: one row a class, as `darkroom.evaluation.per_class.per_class_table` returns.
        curves: of several labels, their precision over recall, which is drawn below.

    Raises:
        ValueError: a column is missing or there is no row.
    """
    needed = ["class", "precision", "recall", "support", "recall_low", "recall_high"]
    require_table(table, needed, "table", "there is no class to draw")
    rows = worst_and_best(table, by="recall", images="support")
    which = in_words(len(rows), len(table))
    rows = rows.sort_values(["recall", "f1"] if "f1" in rows else ["recall"], kind="stable")
    recall = rows["recall"].to_numpy(float)
    below = np.clip(recall - rows["recall_low"].to_numpy(float), 0, None)
    above = np.clip(rows["recall_high"].to_numpy(float) - recall, 0, None)
    known = rows["support"].to_numpy() > 0
    places = np.arange(len(rows))
    small = 10.0 if len(rows) <= 30 else 7.0
    bars, below_them = 1.5 + (0.34 if len(rows) <= 30 else 0.2) * len(rows), 0.0
    if curves:
        below_them = 0.8 + precision_recall_height(curves)
    with open_png(path, WIDTH, bars + below_them) as whole:
        figure: Figure | SubFigure = whole
        if curves:
            halves: Any = whole.subfigures(2, 1, height_ratios=[bars, below_them])
            figure, lower = halves
            draw_precision_recall(lower, curves, table)
        axes = figure.add_subplot()
        axes.barh(places, recall, height=0.68, color=PALE, label="recall")
        axes.errorbar(
            recall[known],
            places[known],
            xerr=np.stack([below, above])[:, known],
            fmt="none",
            ecolor=DEEP,
            elinewidth=1.4,
            capsize=3,
            label="its 95 % interval",
        )
        axes.plot(
            rows["precision"].to_numpy(float),
            places,
            "D",
            color=ORANGE,
            markeredgecolor="white",
            markersize=6 if len(rows) <= 30 else 4.5,
            label="precision",
            clip_on=False,
        )
        for place, value, support in zip(places, recall, rows["support"], strict=True):
            text = f"{value:.1%}".replace("%", " %") if support else "no images"
            axes.text(1.02, float(place), text, va="center_baseline", fontsize=small)
        axes.set_yticks(places, [shortened(str(name), 24) for name in rows["class"]], fontsize=small)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(percent_tick)
        figure.legend(loc="outside lower center", ncols=3)
        whose = f"{which} classes" if which else "each class"
        axes.set_title(f"recall of {whose}: the share of its images that were recognised")
