"""Figure: the accuracy of each trial, in the order of the trials."""

from pathlib import Path

from matplotlib.ticker import MaxNLocator

from darkroom.reporting.figures.study.points import draw_points, set_accuracy_axis
from darkroom.reporting.figures.style import DEEP, WIDTH, open_png
from darkroom.reporting.study_scales import accuracy_floor
from darkroom.reporting.study_view import StudyView


def history_figure(path: Path, view: StudyView) -> None:
    """Draw each trial's accuracy in the order of the trials, and the best accuracy so far."""
    with open_png(path, WIDTH, 3.9) as figure:
        axes = figure.add_subplot()
        floor = accuracy_floor(view)
        draw_points(axes, view, view.trials["trial"], floor)
        complete = view.of_state("complete")
        if not complete.empty:
            last = view.trials["trial"].max()
            steps = [*complete["trial"], last]
            best = complete["validation_accuracy"].cummax()
            axes.step(steps, [*best, best.iloc[-1]], where="post", color=DEEP, label="best so far")
        set_accuracy_axis(axes, view, floor)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(view.trials["trial"].min() - 0.7, view.trials["trial"].max() + 0.7)
        axes.set_xlabel("trial")
        axes.set_ylabel("validation accuracy")
        axes.set_title(view.summary())
        figure.legend(loc="outside lower center", ncols=4)
