"""The confusion matrix."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from numpy.typing import NDArray

from darkroom.reporting.figures.style import BLUES, FAINT, INK, SOFT, WIDTH, open_png, percent_tick, shortened
from darkroom.reporting.selection import MOST_CLASSES

MOST_CONFUSED = 50  # classes that are drawn where there are more than `MOST_CLASSES`
MOST_WITH_NUMBERS = 20  # classes; with more, the numbers in the cells are too small to read


def confusion_figure(
    path: Path, labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: Sequence[str]
) -> None:
    """Draw the confusion matrix: the actual class a row, the predicted one a column.

    The shade is the share of the row. With up to 20 classes each cell also shows its number of images and,
    on the diagonal and from 1 % on, the share. The most frequent confusions are listed below.
    Of more than 100 classes the 50 that are confused most are drawn.

    Args:
        path: of the PNG.
        labels: integers [N] within 0..K-1.
        predictions: integers [N] within 0..K-1.
        classes: the K names.

    Raises:
        ValueError: the arrays differ in shape, are empty, or hold a number that is not a class.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    size = len(classes)
    if labels.ndim != 1 or labels.shape != predictions.shape or labels.size == 0:
        raise ValueError(
            "labels and predictions must be two lists of the same length, not empty, "
            f"got {list(labels.shape)} and {list(predictions.shape)}"
        )
    for name, values in (("labels", labels), ("predictions", predictions)):
        if values.min() < 0 or values.max() >= size:
            raise ValueError(f"{name} must be 0 to {size - 1}, got {values.min()} to {values.max()}")

    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (labels, predictions), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    confusions, title = _most_frequent_confusions(counts, classes), _title(counts)
    if size > MOST_CLASSES:
        shown = _most_confused(counts)
        title += f"; the {len(shown)} most confused of {size:,} classes"
        counts, share = counts[np.ix_(shown, shown)], share[np.ix_(shown, shown)]
        classes, size = [classes[number] for number in shown], len(shown)
    numbers = size <= MOST_WITH_NUMBERS
    side = WIDTH if numbers else max(WIDTH, 0.15 * size)
    with open_png(path, side if numbers else side + 1, side, layout="compressed") as figure:
        axes = figure.add_subplot()
        axes.grid(False)
        # The square root lets a confusion of 1 % show beside a diagonal near 100 %.
        image = axes.imshow(share, cmap=BLUES, norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
        small = 10.0 if size <= 12 else 8.0 if numbers else 7.0
        names = [shortened(name, 18) for name in classes]
        turn = 0 if numbers and max(map(len, names)) <= 3 else 45 if size <= 50 else 90
        axes.set_xticks(range(size), names, rotation=turn, fontsize=small)
        if turn == 45:
            for label in axes.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        axes.set_yticks(range(size), names, fontsize=small)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xticks(np.arange(size - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(size - 1) + 0.5, minor=True)
        axes.grid(True, which="minor", color="white" if numbers else FAINT, linewidth=1 if numbers else 0.3)
        axes.tick_params(which="minor", length=0)
        axes.set_ylabel("actual")
        axes.set_xlabel("predicted")
        axes.set_title(title)
        if numbers:
            for row, column in zip(*np.nonzero(counts), strict=True):
                _cell_numbers(axes, int(row), int(column), counts, share)
        else:
            bar = figure.colorbar(image, ax=axes, shrink=0.5, pad=0.02, format=percent_tick)
            bar.set_ticks([0, 0.01, 0.1, 0.3, 0.6, 1])
            bar.set_label("share of the actual class")
            bar.outline.set_visible(False)
        figure.supxlabel(confusions, fontsize=9, color=SOFT)


def _title(counts: NDArray[np.int64]) -> str:
    return f"{int(np.trace(counts)):,} of {int(counts.sum()):,} images correct"


def _most_confused(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of the classes with the most misclassified images, as label or as prediction."""
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    return np.sort(np.argsort(-wrong, kind="stable")[:MOST_CONFUSED])


def _cell_numbers(
    axes: Axes, row: int, column: int, counts: NDArray[np.int64], share: NDArray[np.float64]
) -> None:
    """Write a cell's number of images and, where it fits and is not nearly 0, its share of the row."""
    size = len(counts)
    part = float(share[row, column])
    colour = "white" if part > 0.25 else INK
    big = 10.5 if size <= 10 else 8.5 if size <= 15 else 6.5
    with_share = size <= 15 and (row == column or part >= 0.01)
    lift = 0.14 if with_share else 0
    axes.text(column, row - lift, f"{counts[row, column]:,}", ha="center", va="center", color=colour,
              fontsize=big)  # fmt: skip
    if with_share:
        text = f"{part:.1%}".replace("%", " %") if size <= 10 else f"{part:.0%}"
        axes.text(column, row + 0.24, text, ha="center", va="center", color=colour, fontsize=big * 0.72)


def _most_frequent_confusions(counts: NDArray[np.int64], classes: Sequence[str]) -> str:
    """Return up to three of the most frequent confusions in words, in one line."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    line = ""
    for place in np.argsort(-wrong, axis=None, kind="stable")[:3]:
        row, column = divmod(int(place), len(classes))
        actual, predicted = shortened(classes[row], 18), shortened(classes[column], 18)
        pair = f"{actual} predicted as {predicted} ({wrong[row, column]:,})"
        if wrong[row, column] == 0 or len(line) + len(pair) > 98:
            break
        line += (" · " if line else "most frequent: ") + pair
    return line
