"""Figure: the accuracy against each searched parameter by itself."""

from pathlib import Path

import pandas as pd

from darkroom.reporting.figures.study.points import draw_points, set_accuracy_axis
from darkroom.reporting.figures.style import WIDTH, open_png, shortened
from darkroom.reporting.study_scales import accuracy_floor, axis_places, axis_ticks
from darkroom.reporting.study_view import StudyView

COLUMNS = 3


def study_slices_figure(path: Path, view: StudyView) -> None:
    """Draw a scatter plot per searched parameter, in three columns."""
    names = list(view.leaves)
    rows = -(-len(names) // COLUMNS)
    floor = accuracy_floor(view)
    with open_png(path, WIDTH, 0.9 + 2.3 * rows) as figure:
        grid = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True)
        for axes in grid.flat[len(names) :]:
            axes.set_visible(False)
        for name, axes in zip(names, grid.flat, strict=False):
            leaf = view.leaves[name]
            places = pd.Series(axis_places(leaf, view.trials[name]), index=view.trials.index)
            draw_points(axes, view, places, floor)
            ticks = axis_ticks(leaf)
            axes.set_xticks([place for place, _ in ticks], [shortened(text, 9) for _, text in ticks])
            axes.tick_params(labelsize=8.5)
            axes.set_xlim(-0.08, 1.08)
            set_accuracy_axis(axes, view, floor)
            axes.set_title(shortened(name, 26), fontsize=9)
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.suptitle("validation accuracy against each parameter", x=0.01, ha="left", fontsize=11)
