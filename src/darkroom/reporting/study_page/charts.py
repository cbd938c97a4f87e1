"""The charts of the page, each as an SVG element."""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.reporting.figures.style import format_share
from darkroom.reporting.study_page.svg import (
    BOTTOM,
    HEIGHT,
    LEFT,
    TOP,
    WIDTH,
    TrialMark,
    accuracy_grid,
    accuracy_labels,
    label,
    svg,
    x_label,
    x_of,
    y_of,
)
from darkroom.reporting.study_scales import ABSENT, accuracy_floor, accuracy_places, axis_places, axis_ticks
from darkroom.reporting.study_view import StudyView, rungs, why_no_importances

SLICE_WIDTH = 300  # of a small chart
MAX_LABELS = 10  # of trials, on the horizontal axis of the history


def history_chart(view: StudyView) -> str:
    """Return each trial's accuracy in the order of the trials, and the best accuracy so far."""
    floor, top = _accuracy_range(view)
    numbers = view.trials["trial"].to_numpy(float)
    xs = _spread(numbers, float(numbers.min()), float(numbers.max()))
    heights = _heights(view, floor, top)
    parts = [accuracy_grid(floor, top)]
    every = max(1, -(-len(numbers) // MAX_LABELS))
    parts += [
        x_label(x_of(x), f"{number:g}") for number, x in zip(numbers[::every], xs[::every], strict=True)
    ]
    marks = _marks(view)
    best, path = -np.inf, ""
    for mark, x, height in zip(marks, xs, heights, strict=True):
        if mark.state == "complete" and height > best:
            at = f"{x_of(x):.1f}"
            path += f"M{at},{y_of(height):.1f}" if not path else f"H{at}V{y_of(height):.1f}"
            best = height
    parts.append(f'<path class="best" d="{path}{f"H{x_of(1):.1f}" if path else ""}"/>')
    parts += _dots(marks, [x_of(x) for x in xs], heights)
    return svg(parts, "best validation accuracy so far, trial by trial")


def curves_chart(view: StudyView) -> str:
    """Return the learning curve of each trial, with the number of trials that reached the rungs."""
    curves = view.curves
    if curves.empty:
        return "<p>No trial finished an epoch.</p>"
    last = int(curves["epoch"].max())
    low, high = float(curves["validation_accuracy"].min()), float(curves["validation_accuracy"].max())
    parts = [accuracy_grid(low, high)]
    for epoch, count in rungs(curves).items():
        x = x_of(_spread(np.array([epoch]), 1, last)[0])
        parts.append(f'<line class="rung" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(label(x, TOP - 8, str(count), soft=True))
        parts.append(x_label(x, str(epoch)))
    for mark in _marks(view):
        curve = curves[curves["trial"] == mark.number]
        if curve.empty:
            continue
        xs = [x_of(x) for x in _spread(curve["epoch"].to_numpy(float), 1, last)]
        ys = [y_of(y) for y in accuracy_places(curve["validation_accuracy"].to_numpy(float), low, high)]
        parts += [mark.line(xs, ys), mark.dot(xs[-1], ys[-1])]
    return svg(parts, "validation accuracy of each trial, epoch by epoch")


def importances_chart(view: StudyView) -> str:
    """Return a bar per parameter: its share in the differences between trials."""
    if not view.importances:
        return f"<p>{html.escape(why_no_importances(view))}.</p>"
    longest, parts = max(view.importances.values()), []
    for row, (name, share) in enumerate(view.importances.items()):
        y, length = 4 + 24 * row, (WIDTH - 280) * share / longest
        parts.append(label(200, y + 13, name, anchor="end"))
        parts.append(f'<rect class="bar" x="208" y="{y}" width="{length:.1f}" height="18"/>')
        parts.append(label(214 + length, y + 13, format_share(share, 0), anchor="start"))
    description = "share of each parameter in the differences between trials"
    return svg(parts, description, height=8 + 24 * len(view.importances))


def parallel_chart(view: StudyView) -> str:
    """Return parallel coordinates: a line per trial through its parameters to its accuracy."""
    floor, top = _accuracy_range(view)
    names = list(view.leaves)
    places = np.stack([axis_places(view.leaves[name], view.trials[name]) for name in names], axis=1)
    absent = np.isnan(places)
    heights = _heights(view, floor, top)
    lines = np.concatenate([np.where(absent, ABSENT, places), heights[:, None]], axis=1)
    width = max(WIDTH, 105 * (len(names) + 1))
    xs = [64 + (width - 164) * number / len(names) for number in range(len(names) + 1)]
    parts = [
        mark.line(xs, [y_of(y) for y in line])
        for mark, line in zip(_marks(view), lines, strict=True)
        if not np.isnan(line[-1])
    ]
    for number, name in enumerate([*names, "validation accuracy"]):
        x = xs[number]
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{y_of(0)}" y2="{y_of(1)}"/>')
        parts.append(label(x, 8 if number % 2 else 20, name))
        if number < len(names):
            ticks = axis_ticks(view.leaves[name])
            if absent[:, number].any():
                ticks.append((ABSENT, "without"))
        else:
            ticks = accuracy_labels(floor, top)
        parts += [label(x + 4, y_of(at) + 4, text, anchor="start", soft=True) for at, text in ticks]
    drawing = svg(parts, "parameters and accuracy of each trial", width=width, height=HEIGHT + 16, top=-6)
    return f'<div class="wide">{drawing}</div>'


def slice_charts(view: StudyView) -> str:
    """Return a small scatter plot per parameter: the accuracy against it."""
    floor, top = _accuracy_range(view)
    heights, marks = _heights(view, floor, top), _marks(view)
    charts = []
    for name, leaf in view.leaves.items():
        parts = [accuracy_grid(floor, top, width=SLICE_WIDTH)]
        parts += [x_label(x_of(at, SLICE_WIDTH), text) for at, text in axis_ticks(leaf)]
        parts.append(label(LEFT, 10, name, anchor="start"))
        xs = [x_of(x, SLICE_WIDTH) for x in axis_places(leaf, view.trials[name])]
        parts += _dots(marks, xs, heights)
        charts.append(svg(parts, f"validation accuracy against {name}", width=SLICE_WIDTH))
    return "\n".join(charts)


def _marks(view: StudyView) -> list[TrialMark]:
    return [
        TrialMark(int(number), str(state))
        for number, state in zip(view.trials["trial"], view.trials["state"], strict=True)
    ]


def _dots(marks: Sequence[TrialMark], xs: Sequence[float], heights: NDArray[np.float64]) -> list[str]:
    """Return the trials as points; a failed one without an accuracy lies at the bottom."""
    return [
        mark.dot(x, y_of(0 if np.isnan(height) else height))
        for mark, x, height in zip(marks, xs, heights, strict=True)
        if not np.isnan(x) and (not np.isnan(height) or mark.state == "failed")
    ]


def _accuracy_range(view: StudyView) -> tuple[float, float]:
    return accuracy_floor(view), float(view.trials["validation_accuracy"].max())


def _heights(view: StudyView, floor: float, top: float) -> NDArray[np.float64]:
    return accuracy_places(view.trials["validation_accuracy"].to_numpy(float), floor, top)


def _spread(values: NDArray[Any], low: float, high: float) -> NDArray[np.float64]:
    """Return the places of `values` between `low` (0) and `high` (1); 0.5 if these are the same."""
    if low == high:
        return np.full(len(values), 0.5)
    return np.asarray((values - low) / (high - low), dtype=float)
