"""Figure: parallel coordinates, a line per trial through its parameters to its accuracy."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from darkroom.reporting.figures.style import BLUES, FAINT, SOFT, WIDTH, open_png, shortened
from darkroom.reporting.study_scales import (
    ABSENT,
    accuracy_floor,
    accuracy_places,
    accuracy_ticks,
    axis_places,
    axis_ticks,
)
from darkroom.reporting.study_view import StudyView


def parallel_figure(path: Path, view: StudyView) -> None:
    """Draw a line per trial through its parameters to its accuracy.

    The darker a line, the better the accuracy; pruned trials are grey.
    """
    names = list(view.leaves)
    floor = accuracy_floor(view)
    top = float(view.trials["validation_accuracy"].max())
    places = np.stack([axis_places(view.leaves[name], view.trials[name]) for name in names], axis=1)
    absent = np.isnan(places)
    heights = accuracy_places(view.trials["validation_accuracy"].to_numpy(float), floor, top)
    lines = np.concatenate([np.where(absent, ABSENT, places), heights[:, None]], axis=1)
    with open_png(path, max(WIDTH, 1.15 * (len(names) + 1)), 4.4) as figure:
        axes = figure.add_subplot()
        axes.grid(False)
        axes.spines[:].set_visible(False)
        _draw_lines(axes, lines, complete=(view.trials["state"] == "complete").to_numpy())
        for at, name in enumerate(names):
            _draw_axis(axes, at, axis_ticks(view.leaves[name]), absent=bool(absent[:, at].any()))
        values = accuracy_ticks(floor, top)
        tick_places = accuracy_places(np.array(values), floor, top)
        ticks = [
            (float(place), f"{100 * value:.3g} %") for place, value in zip(tick_places, values, strict=True)
        ]
        _draw_axis(axes, len(names), ticks, absent=False)
        for at, name in enumerate([*names, "validation accuracy"]):
            high = 1.05 if at % 2 or len(names) < 4 else 1.12
            axes.text(at, high, shortened(name, 26), ha="center", fontsize=8.5, fontweight="bold")
        axes.set(xticks=[], yticks=[])
        axes.set_xlim(-0.45, len(names) + 0.55)
        axes.set_ylim((ABSENT if absent.any() else 0) - 0.06, 1.18)
        axes.set_title("each line is a trial, the darker the better (grey: pruned)")


def _draw_lines(axes: Axes, lines: NDArray[np.float64], *, complete: NDArray[np.bool_]) -> None:
    """Draw the trials' lines [trials, axes], whose last place is the accuracy; the best ones on top."""
    heights = lines[:, -1]
    shown = ~np.isnan(heights)
    along = np.arange(lines.shape[1])
    for row in np.flatnonzero(shown & ~complete):
        axes.plot(along, lines[row], color=FAINT, linewidth=1.0, zorder=1)
    ended = np.flatnonzero(shown & complete)
    for row in ended[np.argsort(heights[ended], kind="stable")]:
        color = BLUES(0.15 + 0.85 * heights[row] ** 2)
        axes.plot(along, lines[row], color=color, linewidth=1.5, zorder=2)


def _draw_axis(axes: Axes, at: int, ticks: list[tuple[float, str]], *, absent: bool) -> None:
    """Draw one of the parallel axes, with a place for trials that lack the parameter if `absent`."""
    axes.plot([at, at], [0, 1], color=SOFT, linewidth=1, zorder=3)
    for place, text in [*ticks, *([(ABSENT, "without")] if absent else [])]:
        axes.plot([at - 0.02, at + 0.02], [place, place], color=SOFT, linewidth=1, zorder=3)
        axes.text(
            at + 0.05,
            place,
            shortened(text, 10),
            va="center",
            fontsize=8,
            zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.6},
        )
