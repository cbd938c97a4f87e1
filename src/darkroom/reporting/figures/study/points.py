"""Trials as points, by their state, against any value; and the axis of their accuracy."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from darkroom.reporting.figures.style import BLUE, INK, ORANGE, SOFT, percent_tick
from darkroom.reporting.study_view import StudyView

STYLES: dict[str, dict[str, Any]] = {
    "complete": {"color": BLUE},
    "pruned": {"facecolor": "none", "edgecolor": SOFT},
}


def draw_points(axes: Axes, view: StudyView, x: pd.Series, floor: float) -> None:
    """Draw a point per trial at `x` and its accuracy.

    A complete trial is a full blue point; a pruned one a hollow point at the accuracy it had then; a failed
    one an orange cross at the foot. An accuracy below `floor` is a triangle at `floor`.
    """
    table = view.trials.assign(x=x, y=view.trials["validation_accuracy"].clip(lower=floor))
    for state, style in STYLES.items():
        rows = table[(table["state"] == state) & table["y"].notna()]
        if not rows.empty:
            axes.scatter(rows["x"], rows["y"], s=22, zorder=3, label=state, **style)
    failed = table[table["state"] == "failed"]
    if not failed.empty:
        foot = [0.03] * len(failed)
        cross: dict[str, Any] = {"marker": "x", "color": ORANGE, "transform": axes.get_xaxis_transform()}
        axes.scatter(failed["x"], foot, s=26, zorder=3, label="failed", **cross)
    below = table[table["validation_accuracy"] < floor]
    if not below.empty:
        axes.scatter(below["x"], [floor] * len(below), s=20, marker="v", color=INK, label="lower", zorder=4)


def set_accuracy_axis(axes: Axes, view: StudyView, floor: float) -> None:
    """Let the vertical axis reach from a little below `floor` to a little above the best accuracy."""
    top = view.trials["validation_accuracy"].max()
    if np.isnan(top):
        axes.set_ylim(0, 1)
    else:
        margin = 0.08 * max(float(top) - floor, 0.01)
        axes.set_ylim(floor - 1.6 * margin, float(top) + margin)
    axes.yaxis.set_major_formatter(percent_tick)
