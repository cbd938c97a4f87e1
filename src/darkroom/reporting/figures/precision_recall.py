"""Precision over recall of each label: a small chart for each, the lowest average precision first."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import SubFigure

from darkroom.evaluation.multilabel.precision_recall import Curve
from darkroom.reporting.figures.style import DEEP, ORANGE, PALE, percent_tick, shortened

COLUMNS, MOST = 4, 24  # charts side by side, and in all
ROW = 1.7  # height of a row of charts, in inches


def precision_recall_height(curves: Mapping[str, Curve]) -> float:
    """Return how high the charts of these curves are, in inches.

    >>> precision_recall_height({})
    0.0
    """
    return ROW * -(-min(len(curves), MOST) // COLUMNS)


def draw_precision_recall(figure: SubFigure, curves: Mapping[str, Curve], table: pd.DataFrame) -> None:
    """Draw the curves of the labels of the lowest average precision into a part of a figure.

    Args:
        figure: the part, which has nothing in it.
        curves: by label, as `precision_recall_curves` returns them; at least one.
        table: a row a label, with `class`, `precision` and `recall` at its threshold, which is marked.
    """
    shown = list(curves.items())[:MOST]
    rows = -(-len(shown) // COLUMNS)
    charts = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    at = table.set_index("class")
    for axes, (name, curve) in zip(charts, shown, strict=False):
        axes.axhline(curve.share, color=PALE, linewidth=1)
        axes.plot(curve.recall, curve.precision, color=DEEP, linewidth=1.4, drawstyle="steps-post")
        axes.plot(at["recall"][name], at["precision"][name], "D", color=ORANGE, markersize=5, clip_on=False)
        average = f"{curve.average:.1%}".replace("%", " %")
        axes.set_title(f"{shortened(name, 16)}: {average}", fontsize=8)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.tick_params(labelsize=7)
        axes.xaxis.set_major_formatter(percent_tick)
        axes.yaxis.set_major_formatter(percent_tick)
    for axes in charts[len(shown) :]:
        axes.set_axis_off()
    figure.supxlabel("recall", fontsize=9)
    figure.supylabel("precision", fontsize=9)
    which = "each label" if len(shown) == len(curves) else f"the {MOST} labels where it is lowest"
    figure.suptitle(
        f"precision over recall of {which}, with its average; the mark is at its threshold", fontsize=10
    )
