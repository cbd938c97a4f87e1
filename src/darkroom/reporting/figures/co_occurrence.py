"""Which labels images have together, and which they are given together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import PowerNorm
from numpy.typing import NDArray

from darkroom.reporting.figures.style import BLUES, FAINT, ORANGE, WIDTH, open_png, percent_tick, shortened

MOST_LABELS = 30  # that are drawn: the most frequent
MARKED = 0.05  # difference of two shares from which on a cell is marked


def co_occurrence_figure(
    path: Path, decisions: NDArray[np.bool_], labels: NDArray[np.int8], classes: Sequence[str]
) -> None:
    """Draw, of the images with the label of a row, the share that has that of a column: actual and predicted.

    Both panels count only images of which both answers are known, so that they can be compared cell by cell.
    A cell of the right one is marked where its share differs by 5 points or more. Of more than `MOST_LABELS`
    the most frequent labels are drawn.

    Args:
        path: of the PNG.
        decisions: bool [N,L].
        labels: int8 [N,L]: 1, 0, or -1 for unknown.
        classes: names of the L labels.

    Raises:
        ValueError: the arrays differ in shape, or hold no image.
    """
    if decisions.shape != labels.shape or decisions.ndim != 2 or not len(labels):
        raise ValueError(
            "decisions and labels must be of the same images and labels, and not empty, got "
            f"{list(decisions.shape)} and {list(labels.shape)}"
        )
    frequent = np.argsort(-(labels == 1).sum(axis=0), kind="stable")[:MOST_LABELS]
    shown = np.sort(frequent)
    actual, predicted = (beside(given[:, shown], labels[:, shown] >= 0) for given in (labels == 1, decisions))
    names = [shortened(classes[number], 18) for number in shown]
    small = 9.0 if len(shown) <= 12 else 6.5
    side = max(4.0, 0.17 * len(shown) + 2.2)
    with open_png(path, max(WIDTH, 1.75 * side), side) as figure:
        for axes, shares, title in zip(
            figure.subplots(1, 2, sharey=True), (actual, predicted), ("actual", "predicted"), strict=True
        ):
            drawn = axes.imshow(shares, cmap=BLUES, norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
            axes.grid(False)
            axes.set_xticks(range(len(names)), names, rotation=90, fontsize=small)
            axes.set_yticks(range(len(names)), names, fontsize=small)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            axes.set_facecolor(FAINT)  # of a label that no image has
            axes.set_title(title)
            axes.set_xlabel("also has")
        far = np.argwhere(np.abs(np.nan_to_num(actual) - np.nan_to_num(predicted)) >= MARKED)
        axes.plot(far[:, 1], far[:, 0], ".", color=ORANGE, markersize=4)
        figure.colorbar(
            drawn, ax=figure.axes, shrink=0.6, format=percent_tick, ticks=[0, 0.01, 0.1, 0.3, 0.6, 1]
        )
        left = len(classes) - len(shown)
        which = f"; the {len(shown)} most frequent labels" if left else ""
        figure.suptitle(
            f"of the images with the label of a row, the share with that of a column{which}\n"
            f"(marked: differs by {100 * MARKED:g} points or more)",
            x=0.01,
            ha="left",
            fontsize=11,
        )


def beside(given: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return of the images that are given one label the share that is given another, float64 [L,L].

    Only images count of which both answers are known, bool [N,L]. NaN for a label that no image is given.

    >>> given = np.array([[1, 1], [1, 0], [0, 0]], dtype=bool)
    >>> beside(given, np.ones_like(given)).tolist()
    [[1.0, 0.5], [1.0, 1.0]]
    """
    sure = (given & known).astype(np.float64)
    of = sure.T @ known.astype(np.float64)
    return np.asarray(np.where(of > 0, sure.T @ sure / np.where(of > 0, of, 1), np.nan))
