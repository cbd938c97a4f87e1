"""Accuracy against coverage."""

from pathlib import Path

import numpy as np
import pandas as pd

from darkroom.reporting.figures.checks import refuse_share, refuse_shares, refuse_table
from darkroom.reporting.figures.style import BLUE, ORANGE, SOFT, WIDTH, format_share, open_png, percent_tick


def coverage_figure(
    path: Path, curve: pd.DataFrame, *, threshold: float | None, confident_accuracy: float | None
) -> None:
    """Draw how accurate the answers are when only the images the model is confident of are answered.

    Args:
        path: where the PNG goes.
        curve: one row a threshold of confidence, sorted by falling coverage: `threshold`, `coverage` (the
            share of the images that are answered, 0..1) and `accuracy` (of those, 0..1; not looked at
            where none is answered).
        threshold: the one chosen on the validation images. Its point is marked, that of the lowest
            threshold in the curve that is not below it. None says that no threshold reaches
            `confident_accuracy` on the validation images.
        confident_accuracy: the accuracy asked for, 0..1. None says that there were no validation images to
            choose a threshold on; then `threshold` is None too.

    Raises:
        ValueError: a column is missing, no row has answered images, the rows are in another order, or
            a number is not as said.
    """
    refuse_table(curve, ["threshold", "coverage", "accuracy"], "curve", "no threshold was tried")
    refuse_shares(curve, ["coverage"])
    if (np.diff(curve["coverage"].to_numpy(float)) > 0).any():
        raise ValueError("the curve must be sorted by falling coverage")
    answered = curve[curve["coverage"] > 0]
    if answered.empty:
        raise ValueError("the curve has no row with answered images: every coverage is 0")
    refuse_shares(answered, ["accuracy"])
    title = "accuracy of the answers when only the confident ones are given"
    if confident_accuracy is None:
        title += "; no threshold was chosen"
    else:
        refuse_share("confident_accuracy", confident_accuracy)
        asked = percent_tick(confident_accuracy, 0)
    if confident_accuracy is not None and threshold is None:
        title = f"no threshold makes {asked} of the answered validation images right"
    if threshold is not None:
        refuse_share("threshold", threshold)
    lowest = min(float(answered["accuracy"].min()), 1.0 if confident_accuracy is None else confident_accuracy)
    span = max(1 - lowest, 0.01)
    bottom = lowest - 0.24 * span  # leaves a strip below the curve, for the words
    with open_png(path, WIDTH, 4.6) as figure:
        axes = figure.add_subplot()
        if confident_accuracy is not None:
            axes.axhline(
                confident_accuracy, color=SOFT, linewidth=1.2, linestyle="--", label=f"asked for: {asked}"
            )
        line = "-o" if len(answered) <= 30 else "-"
        axes.plot(answered["coverage"], answered["accuracy"], line, color=BLUE, label="accuracy")
        if threshold is not None:
            confident = answered[answered["threshold"] >= threshold - 1e-9]
            said, place = "no image is so confident", 0.0
            if not confident.empty:
                place, right = float(confident["coverage"].iloc[0]), float(confident["accuracy"].iloc[0])
                said = f"{format_share(place)} answered, {format_share(right, 2)} of them right"
                axes.vlines(place, bottom, right, color=ORANGE, linewidth=1, linestyle=(0, (2, 2)))
                axes.plot(
                    [place],
                    [right],
                    "D",
                    color=ORANGE,
                    markeredgecolor="white",
                    markersize=9,
                    label="the threshold chosen",
                    clip_on=False,
                    zorder=3,
                )
            axes.annotate(
                f"threshold {threshold:.5g}\n{said}",
                (place, bottom),
                xytext=(-8 if place > 0.5 else 8, 7),
                textcoords="offset points",
                ha="right" if place > 0.5 else "left",
                linespacing=1.3,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},  # no grid through the words
            )
        axes.set_xlim(0, 1.01)
        axes.set_ylim(bottom, 1 + 0.04 * span)
        axes.xaxis.set_major_formatter(percent_tick)
        axes.yaxis.set_major_formatter(percent_tick)
        axes.set_xlabel("coverage: the share of the images that are answered")
        axes.set_ylabel("accuracy of the answered images")
        figure.legend(loc="outside lower center", ncols=3)
        axes.set_title(title)
