"""Accuracy against coverage."""

from pathlib import Path

import numpy as np
import pandas as pd

from darkroom.reporting.figures.checks import require_share, require_shares, require_table
from darkroom.reporting.figures.style import BLUE, ORANGE, SOFT, WIDTH, format_share, open_png, percent_tick


def coverage_figure(
    path: Path, curve: pd.DataFrame, *, threshold: float | None, confident_accuracy: float | None
) -> None:
    """Draw the accuracy of the confident predictions against their share of the images.

    Args:
        path: of the PNG.
        curve: one row a threshold of confidence, sorted by falling coverage: `threshold`, `coverage` (the
            share of the images with that confidence, 0..1) and `accuracy` (of those, 0..1; ignored
            where there are none).
        threshold: the one chosen on the validation images. The row of the lowest threshold in the curve
            that is not below it is marked. None: no threshold reaches `confident_accuracy` on the
            validation images.
        confident_accuracy: the target for the accuracy, 0..1. None: there were no validation images to
            choose a threshold on; then `threshold` is None too.

    Raises:
        ValueError: a column is missing, every coverage is 0, the rows are in another order, or a number
            is outside its range.
    """
    require_table(curve, ["threshold", "coverage", "accuracy"], "curve", "no threshold was tried")
    require_shares(curve, ["coverage"])
    if (np.diff(curve["coverage"].to_numpy(float)) > 0).any():
        raise ValueError("the curve must be sorted by falling coverage")
    covered = curve[curve["coverage"] > 0]
    if covered.empty:
        raise ValueError("the curve has no row with images: every coverage is 0")
    require_shares(covered, ["accuracy"])
    title = "accuracy of the confident predictions"
    if confident_accuracy is None:
        title += "; no threshold was chosen"
    else:
        require_share("confident_accuracy", confident_accuracy)
        target = percent_tick(confident_accuracy, 0)
    if confident_accuracy is not None and threshold is None:
        title = f"no threshold makes {target} of the confident validation predictions correct"
    if threshold is not None:
        require_share("threshold", threshold)
    lowest = min(float(covered["accuracy"].min()), 1.0 if confident_accuracy is None else confident_accuracy)
    span = max(1 - lowest, 0.01)
    bottom = lowest - 0.24 * span  # leaves a strip below the curve for the text
    with open_png(path, WIDTH, 4.6) as figure:
        axes = figure.add_subplot()
        if confident_accuracy is not None:
            axes.axhline(
                confident_accuracy, color=SOFT, linewidth=1.2, linestyle="--", label=f"target: {target}"
            )
        line = "-o" if len(covered) <= 30 else "-"
        axes.plot(covered["coverage"], covered["accuracy"], line, color=BLUE, label="accuracy")
        if threshold is not None:
            confident = covered[covered["threshold"] >= threshold - 1e-9]
            reached, place = "no image is so confident", 0.0
            if not confident.empty:
                place, correct = float(confident["coverage"].iloc[0]), float(confident["accuracy"].iloc[0])
                reached = f"{format_share(place)} confident, {format_share(correct, 2)} of them correct"
                axes.vlines(place, bottom, correct, color=ORANGE, linewidth=1, linestyle=(0, (2, 2)))
                axes.plot(
                    [place],
                    [correct],
                    "D",
                    color=ORANGE,
                    markeredgecolor="white",
                    markersize=9,
                    label="chosen threshold",
                    clip_on=False,
                    zorder=3,
                )
            axes.annotate(
                f"threshold {threshold:.5g}\n{reached}",
                (place, bottom),
                xytext=(-8 if place > 0.5 else 8, 7),
                textcoords="offset points",
                ha="right" if place > 0.5 else "left",
                linespacing=1.3,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},  # hides the grid behind the text
            )
        axes.set_xlim(0, 1.01)
        axes.set_ylim(bottom, 1 + 0.04 * span)
        axes.xaxis.set_major_formatter(percent_tick)
        axes.yaxis.set_major_formatter(percent_tick)
        axes.set_xlabel("coverage: the share of the images with a confident prediction")
        axes.set_ylabel("accuracy of the confident predictions")
        figure.legend(loc="outside lower center", ncols=3)
        axes.set_title(title)
