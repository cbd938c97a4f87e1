"""Figure: the learning curves of all trials."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from darkroom.reporting.figures.style import BLUE, DEEP, SOFT, WIDTH, open_png, percent_tick
from darkroom.reporting.study_view import StudyView, rungs

STYLES: dict[str, dict[str, Any]] = {
    "best": {"color": DEEP, "linewidth": 2.4},
    "complete": {"color": BLUE, "linewidth": 1.1},
    "pruned or failed": {"color": SOFT, "linewidth": 1.1, "markerfacecolor": "white"},
}


def curves_figure(path: Path, view: StudyView) -> None:
    """Draw the learning curve of each trial.

    Above the epochs after which some trials ended stands how many trials reached them.
    """
    with open_png(path, WIDTH, 4.2) as figure:
        axes = figure.add_subplot()
        _draw_curves(axes, view)
        if view.curves.empty:
            axes.text(0.5, 0.5, "no trial finished an epoch", ha="center", transform=axes.transAxes)
        else:
            _draw_rungs(axes, view)
            axes.set_xlim(0.7, view.curves["epoch"].max() + 0.3)
        for label, style in STYLES.items():
            axes.plot([], [], "-o", label=label, **style)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.yaxis.set_major_formatter(percent_tick)
        axes.set_xlabel("epoch")
        axes.set_ylabel("validation accuracy")
        axes.set_title("learning curves; above, the number of trials that reached the epoch", pad=20)
        figure.legend(loc="outside lower center", ncols=3)


def _draw_curves(axes: Axes, view: StudyView) -> None:
    best = view.best()
    states = dict(zip(view.trials["trial"], view.trials["state"], strict=True))
    for number, curve in view.curves.groupby("trial"):
        complete = states.get(number) == "complete"
        chosen = best is not None and number == best["trial"]
        style = STYLES["best" if chosen else "complete" if complete else "pruned or failed"]
        line = {"color": style["color"], "zorder": 3 if chosen else 2}
        epochs, accuracies = curve["epoch"], curve["validation_accuracy"]
        axes.plot(epochs, accuracies, linewidth=style["linewidth"], alpha=1.0 if chosen else 0.55, **line)
        face = style.get("markerfacecolor")
        axes.plot(epochs.iloc[-1], accuracies.iloc[-1], "o", markerfacecolor=face, **line)


def _draw_rungs(axes: Axes, view: StudyView) -> None:
    for epoch, count in rungs(view.curves).items():
        axes.axvline(epoch, color=SOFT, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
        axes.annotate(
            str(count),
            (epoch, 1),
            xytext=(0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            color=SOFT,
        )
