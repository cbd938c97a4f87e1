"""Drift: the scores over time, and the classes and features of recent images beside the reference's."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.reporting.figures.style import BLUE, FAINT, INK, ORANGE, SOFT, WIDTH, open_png
from darkroom.serving.monitoring.reference import Reference

MAX_CLASSES = 30  # shown
FEATURE_COLUMNS = 3  # panels side by side


def drift_scores_figure(path: Path, history: pd.DataFrame, times: Sequence[datetime]) -> None:
    """Draw the largest score and the three statistics that rose highest, over the number of images.

    Args:
        path: of the PNG.
        history: a row for each check: `seen`, the number of images until then, and each statistic's score.
        times: of the checks, in UTC.
    """
    scores = history.drop(columns="seen")
    highest = scores.max().nlargest(3).index
    with open_png(path, WIDTH, 3.6) as figure:
        axes = figure.add_subplot()
        axes.axhline(1, color=INK, linestyle="--", linewidth=1)
        axes.plot(history["seen"], scores.max(axis=1), color=ORANGE, linewidth=2.4, label="largest of all")
        for name, line in zip(highest, ("-", "--", ":"), strict=False):
            label = name.replace("_", " ")
            axes.plot(history["seen"], scores[name], line, color=BLUE, linewidth=1.3, label=label)
        axes.set(xlabel="images", ylabel="score", ylim=(0, max(1.5, 1.05 * float(scores.max().max()))))
        axes.set_title(f"{times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M} UTC; the line is the limit")
        axes.legend(loc="upper left", ncols=4, fontsize=8)


def drift_classes_figure(path: Path, reference: Reference, rows: NDArray[np.float32]) -> None:
    """Draw the shares of the predicted classes, the most frequent ones, in the reference and now.

    Args:
        path: of the PNG.
        reference: of the model.
        rows: of the recent images, `[N, columns]`.
    """
    now = reference.recent_shares(rows)
    shown = np.argsort(-(now + reference.class_shares), kind="stable")[:MAX_CLASSES][::-1]
    with open_png(path, WIDTH, 1 + 0.32 * len(shown)) as figure:
        axes = figure.add_subplot()
        place = np.arange(len(shown))
        before = reference.class_shares[shown]
        axes.barh(place + 0.2, before, 0.38, color=FAINT, edgecolor=SOFT, label="reference")
        axes.barh(place - 0.2, now[shown], 0.38, color=BLUE, label="now")
        axes.set_yticks(place, [reference.classes[number][:24] for number in shown])
        axes.set_xlabel("share of the images")
        axes.grid(False, axis="y")
        axes.legend(loc="lower right")


def drift_features_figure(path: Path, reference: Reference, rows: NDArray[np.float32]) -> None:
    """Draw each feature's cumulative distribution, in the reference and now.

    Args:
        path: of the PNG.
        reference: of the model.
        rows: of the recent images, `[N, columns]`.
    """
    names = reference.features
    lines = -(-len(names) // FEATURE_COLUMNS)
    with open_png(path, WIDTH, 2.2 * lines) as figure:
        for number, name in enumerate(names):
            axes = figure.add_subplot(lines, FEATURE_COLUMNS, number + 1)
            values = np.sort(rows[:, 1 + number])
            below = np.cumsum(reference.shares[number])[:-1]
            share = (np.arange(len(values)) + 1) / len(values)
            axes.plot(reference.edges[number], below, color=SOFT, linewidth=2.6, label="reference")
            axes.plot(values, share, color=BLUE, linewidth=1.3, label="now")
            axes.set_title(name.replace("_", " "))
            axes.set_ylim(0, 1)
            if number == 0:
                axes.legend(fontsize=8)
