"""Images of a study: what its trials came to, what mattered, where the good values lie.

In the style of `figures`. A trial that came to its end is a full blue point, one that was pruned a hollow
one at the accuracy it had then, a failed one an orange cross at the foot.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from darkroom.reporting.figures.style import (
    BLUE,
    BLUES,
    DEEP,
    FAINT,
    INK,
    ORANGE,
    PALE,
    SOFT,
    WIDTH,
    format_share,
    open_png,
    percent_tick,
    shortened,
)
from darkroom.reporting.study_view import (
    WITHOUT,
    StudyView,
    accuracy_floor,
    accuracy_places,
    accuracy_ticks,
    axis_places,
    axis_ticks,
    no_importances,
    rungs,
)

COLUMNS = 3  # of the slices


def study_figures(folder: Path, view: StudyView) -> list[Path]:
    """Draw all figures of a study into `folder` and return their paths."""
    for name, draw in FIGURES.items():
        draw(folder / name, view)
    return [folder / name for name in FIGURES]


def blank_figures(folder: Path, why: str) -> list[Path]:
    """Draw in the place of a study's figures why there are none."""
    for name in FIGURES:
        _said(folder / name, why)
    return [folder / name for name in FIGURES]


def history_figure(path: Path, view: StudyView) -> None:
    """Draw each trial's accuracy in the order of the trials, and the best so far."""
    with open_png(path, WIDTH, 3.9) as figure:
        axes = figure.add_subplot()
        floor = accuracy_floor(view)
        _points(axes, view, "trial", floor)
        complete = view.of_state("complete")
        if not complete.empty:
            last = view.trials["trial"].max()
            steps = [*complete["trial"], last]
            best = complete["validation_accuracy"].cummax()
            axes.step(steps, [*best, best.iloc[-1]], where="post", color=DEEP, label="best so far")
        _accuracy_axis(axes, view, floor)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(view.trials["trial"].min() - 0.7, view.trials["trial"].max() + 0.7)
        axes.set_xlabel("trial")
        axes.set_ylabel("validation accuracy")
        axes.set_title(view.summary())
        figure.legend(loc="outside lower center", ncols=4)


def curves_figure(path: Path, view: StudyView) -> None:
    """Draw the learning curve of each trial; on top stands how many came to the epochs where some ended."""
    best = view.best()
    with open_png(path, WIDTH, 4.2) as figure:
        axes = figure.add_subplot()
        states = dict(zip(view.trials["trial"], view.trials["state"], strict=True))
        for number, curve in view.curves.groupby("trial"):
            complete = states.get(number) == "complete"
            chosen = best is not None and number == best["trial"]
            axes.plot(
                curve["epoch"],
                curve["validation_accuracy"],
                color=DEEP if chosen else BLUE if complete else SOFT,
                linewidth=2.4 if chosen else 1.1,
                alpha=1.0 if chosen else 0.55,
                zorder=3 if chosen else 2,
            )
            axes.plot(
                curve["epoch"].iloc[-1],
                curve["validation_accuracy"].iloc[-1],
                "o",
                color=DEEP if chosen else BLUE if complete else SOFT,
                markerfacecolor=None if complete else "white",
                zorder=3 if chosen else 2,
            )
        if view.curves.empty:
            axes.text(0.5, 0.5, "no trial came to the end of an epoch", ha="center", transform=axes.transAxes)
        else:
            for epoch, count in rungs(view.curves).items():
                axes.axvline(epoch, color=SOFT, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
                above: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
                axes.annotate(
                    str(count), (epoch, 1), xytext=(0, 3), ha="center", fontsize=8.5, color=SOFT, **above
                )
            axes.set_xlim(0.7, view.curves["epoch"].max() + 0.3)
        looks: tuple[tuple[str, dict[str, Any]], ...] = (
            ("the best", {"color": DEEP, "linewidth": 2.4}),
            ("to its end", {"color": BLUE, "linewidth": 1.1}),
            ("pruned or failed", {"color": SOFT, "linewidth": 1.1, "markerfacecolor": "white"}),
        )
        for label, look in looks:
            axes.plot([], [], "-o", label=label, **look)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.yaxis.set_major_formatter(percent_tick)
        axes.set_xlabel("epoch")
        axes.set_ylabel("validation accuracy")
        axes.set_title("learning curves; above, how many trials came so far", pad=20)
        figure.legend(loc="outside lower center", ncols=3)


def importances_figure(path: Path, view: StudyView) -> None:
    """Draw a bar a searched value: its share of what made trials differ (PED-ANOVA)."""
    if not view.importances:
        _said(path, no_importances(view))
        return
    rows = sorted(view.importances.items(), key=lambda row: row[1])
    with open_png(path, WIDTH, 1.3 + 0.34 * len(rows)) as figure:
        axes = figure.add_subplot()
        places = np.arange(len(rows))
        axes.barh(places, [share for _, share in rows], height=0.68, color=PALE)
        for place, (_, share) in zip(places, rows, strict=True):
            axes.text(share, float(place), f" {format_share(share, 0)}", va="center_baseline")
        axes.set_yticks(places, [shortened(name, 40) for name, _ in rows])
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, max(share for _, share in rows) * 1.1)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(percent_tick)
        axes.set_title(f"importance of each value (PED-ANOVA, {len(view.of_state('complete'))} trials)")


def parallel_figure(path: Path, view: StudyView) -> None:
    """Draw a line a trial through its values to its accuracy: the darker, the better; pruned ones grey."""
    names = list(view.leaves)
    floor = accuracy_floor(view)
    top = float(view.trials["validation_accuracy"].max())
    places = np.stack([axis_places(view.leaves[name], view.trials[name]) for name in names], axis=1)
    without = bool(np.isnan(places).any())
    heights = accuracy_places(view.trials["validation_accuracy"].to_numpy(float), floor, top)
    lines = np.concatenate([np.where(np.isnan(places), WITHOUT, places), heights[:, None]], axis=1)
    with open_png(path, max(WIDTH, 1.15 * (len(names) + 1)), 4.4) as figure:
        axes = figure.add_subplot()
        axes.grid(False)
        axes.spines[:].set_visible(False)
        shown = ~np.isnan(heights)
        complete = (view.trials["state"] == "complete").to_numpy()
        along = np.arange(len(names) + 1)
        for row in np.flatnonzero(shown & ~complete):
            axes.plot(along, lines[row], color=FAINT, linewidth=1.0, zorder=1)
        ended = np.flatnonzero(shown & complete)
        for row in ended[np.argsort(heights[ended], kind="stable")]:
            axes.plot(
                along, lines[row], color=BLUES(0.15 + 0.85 * heights[row] ** 2), linewidth=1.5, zorder=2
            )
        for at, name in enumerate(names):
            _axis(axes, at, axis_ticks(view.leaves[name]), without=bool(np.isnan(places[:, at]).any()))
        ticks = [(float(accuracy_places(np.array([value]), floor, top)[0]), f"{100 * value:.3g} %")
                 for value in accuracy_ticks(floor, top)]  # fmt: skip
        _axis(axes, len(names), ticks, without=False)
        for at, name in enumerate([*names, "validation accuracy"]):
            high = 1.05 if at % 2 or len(names) < 4 else 1.12
            axes.text(at, high, shortened(name, 26), ha="center", fontsize=8.5, fontweight="bold")
        axes.set(xticks=[], yticks=[])
        axes.set_xlim(-0.45, len(names) + 0.55)
        axes.set_ylim((WITHOUT if without else 0) - 0.06, 1.18)
        axes.set_title("each line a trial; the darker, the better (grey: pruned)")


def study_slices_figure(path: Path, view: StudyView) -> None:
    """Draw the accuracy against each searched value, one below the other in three columns."""
    names = list(view.leaves)
    lines = -(-len(names) // COLUMNS)
    floor = accuracy_floor(view)
    with open_png(path, WIDTH, 0.9 + 2.3 * lines) as figure:
        grid = figure.subplots(lines, COLUMNS, squeeze=False, sharey=True)
        for place, axes in enumerate(grid.flat):
            if place >= len(names):
                axes.set_visible(False)
                continue
            name = names[place]
            at = axis_places(view.leaves[name], view.trials[name])
            _points(axes, view, pd.Series(at, index=view.trials.index), floor)
            ticks = axis_ticks(view.leaves[name])
            axes.set_xticks([at for at, _ in ticks], [shortened(text, 9) for _, text in ticks])
            axes.tick_params(labelsize=8.5)
            axes.set_xlim(-0.08, 1.08)
            _accuracy_axis(axes, view, floor)
            axes.set_title(shortened(name, 26), fontsize=9)
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.suptitle("validation accuracy against each value", x=0.01, ha="left", fontsize=11)


FIGURES: dict[str, Callable[[Path, StudyView], None]] = {
    "tune_history.png": history_figure,
    "tune_curves.png": curves_figure,
    "tune_importances.png": importances_figure,
    "tune_parallel.png": parallel_figure,
    "tune_slices.png": study_slices_figure,
}


def _said(path: Path, text: str) -> None:
    with open_png(path, WIDTH, 1.4) as figure:
        figure.text(0.5, 0.5, text, ha="center", va="center")


def _points(axes: Axes, view: StudyView, x: str | pd.Series, floor: float) -> None:
    """Draw the trials by state; `x` is a column of the trials or their places."""
    table = view.trials.assign(x=view.trials[x] if isinstance(x, str) else x)
    table["y"] = table["validation_accuracy"].clip(lower=floor)
    looks: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("complete", "to its end", {"color": BLUE}),
        ("pruned", "pruned", {"facecolor": "none", "edgecolor": SOFT}),
    )
    for state, label, look in looks:
        mine = table[(table["state"] == state) & table["y"].notna()]
        if not mine.empty:
            axes.scatter(mine["x"], mine["y"], s=22, zorder=3, label=label, **look)
    failed = table[table["state"] == "failed"]
    if not failed.empty:
        axes.scatter(failed["x"], [0.03] * len(failed), s=26, marker="x", color=ORANGE, label="failed",
                     transform=axes.get_xaxis_transform(), zorder=3)  # fmt: skip
    below = table[table["validation_accuracy"] < floor]
    if not below.empty:
        axes.scatter(below["x"], [floor] * len(below), s=20, marker="v", color=INK, label="lower", zorder=4)


def _accuracy_axis(axes: Axes, view: StudyView, floor: float) -> None:
    top = view.trials["validation_accuracy"].max()
    if np.isnan(top):
        axes.set_ylim(0, 1)
    else:
        room = 0.08 * max(float(top) - floor, 0.01)
        axes.set_ylim(floor - 1.6 * room, float(top) + room)
    axes.yaxis.set_major_formatter(percent_tick)


def _axis(axes: Axes, at: int, ticks: list[tuple[float, str]], *, without: bool) -> None:
    """Draw one of the parallel axes."""
    axes.plot([at, at], [0, 1], color=SOFT, linewidth=1, zorder=3)
    for place, text in [*ticks, *([(WITHOUT, "without")] if without else [])]:
        axes.plot([at - 0.02, at + 0.02], [place, place], color=SOFT, linewidth=1, zorder=3)
        axes.text(at + 0.05, place, shortened(text, 10), va="center", fontsize=8, zorder=4,
                  bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.6})  # fmt: skip
