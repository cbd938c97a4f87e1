"""Pictures of the results: PNG files in one calm style, legible at the width of a README.

Blue is what is right or shown, orange what is wrong or marked; both stay apart for colour-blind eyes,
and no figure tells anything by colour alone. Figures are drawn without pyplot, so there is no global
state and no window system; a file appears whole or not at all, and no file holds a date, so the same
numbers give the same bytes.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from darkroom.files import atomic_write

INK, SOFT, FAINT = "#22272e", "#66707c", "#e4e8ec"
BLUE, ORANGE = "#0072b2", "#d55e00"  # from Okabe and Ito's palette
WIDTH = 8.0  # inches; 10-point text stays readable where a README squeezes this to some 800 pixels
BLUES = LinearSegmentedColormap.from_list("blues", ["#ffffff", "#bcd9ec", "#5aa3d0", "#0072b2", "#00466f"])
MOST_WITH_NUMBERS = 20  # classes; above, numbers in the cells of the matrix are too small to read
STYLE: dict[str, Any] = {
    "figure.dpi": 160,
    "savefig.dpi": 160,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called "$"
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "legend.frameon": False,
}


def confusion_figure(
    path: Path, labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: Sequence[str]
) -> None:
    """Draw the confusion matrix: the actual class a row, the predicted one a column.

    The shade is the share of the row; up to 20 classes each cell also tells its pictures and, on the
    diagonal and where it is 1 % or more, the share. The commonest confusions stand below.

    Args:
        path: where the PNG goes.
        labels: integers [N] within 0..K-1.
        predictions: integers [N] within 0..K-1.
        classes: the K names.

    Raises:
        ValueError: the arrays differ in shape, are empty, or hold a number that is no class.
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
    numbers = size <= MOST_WITH_NUMBERS
    side = WIDTH if numbers else max(WIDTH, 0.15 * size)
    with _figure(path, side if numbers else side + 1, side, layout="compressed") as figure:
        axes = figure.add_subplot()
        axes.grid(False)
        # The square root lets a confusion of 1 % show beside a diagonal near 100 %.
        image = axes.imshow(share, cmap=BLUES, norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
        small = 10.0 if size <= 12 else 8.0 if numbers else 7.0
        names = [_short(name, 18) for name in classes]
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
        right = int(np.trace(counts))
        axes.set_title(f"{right:,} of {labels.size:,} pictures right")
        if numbers:
            for row, column in zip(*np.nonzero(counts), strict=True):
                _cell_numbers(axes, int(row), int(column), counts, share)
        else:
            bar = figure.colorbar(image, ax=axes, shrink=0.5, pad=0.02, format=_percent)
            bar.set_ticks([0, 0.01, 0.1, 0.3, 0.6, 1])
            bar.set_label("share of the actual class")
            bar.outline.set_visible(False)
        figure.supxlabel(_commonest_confusions(counts, classes), fontsize=9, color=SOFT)


def learning_curve_figure(path: Path, curve: pd.DataFrame, best_epoch: int) -> None:
    """Draw loss and accuracy of the training and validation pictures, epoch by epoch.

    Args:
        path: where the PNG goes.
        curve: one row an epoch: `epoch`, `train_loss`, `train_accuracy`, `validation_loss` and
            `validation_accuracy` (shares within 0..1; both empty where training had no validation
            pictures); other columns are not looked at.
        best_epoch: the epoch whose weights were kept; it is marked.

    Raises:
        ValueError: a column is missing, there is no row, or `best_epoch` is none of the epochs.
    """
    needed = ["epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    missing = [name for name in needed if name not in curve.columns]
    if missing:
        raise ValueError(f"the curve lacks {', '.join(missing)}; it has {', '.join(map(str, curve.columns))}")
    if curve.empty:
        raise ValueError("the curve has no rows: no epoch was trained")
    epochs = curve["epoch"].to_numpy()
    if best_epoch not in epochs:
        raise ValueError(f"best_epoch is {best_epoch}, the curve has {epochs.min()} to {epochs.max()}")
    best = curve.loc[curve["epoch"] == best_epoch].iloc[-1]
    parts = [("train", ORANGE, "--", "s")]
    kept = f"kept: epoch {best_epoch}, the last; there were no validation pictures"
    if curve["validation_accuracy"].notna().any():
        parts.append(("validation", BLUE, "-", "o"))
        kept = (
            f"kept: epoch {best_epoch}, with {best['validation_accuracy']:.2%} of the validation pictures"
            f" right (loss {best['validation_loss']:.3f})"
        )
    with _figure(path, WIDTH, 3.9) as figure:
        left, right = figure.subplots(1, 2)
        for axes, kind in ((left, "loss"), (right, "accuracy")):
            axes.axvline(best_epoch, color=SOFT, linewidth=1, linestyle=(0, (2, 2)))
            for part, colour, line, mark in parts:
                axes.plot(epochs, curve[f"{part}_{kind}"], line, marker=mark, color=colour, label=part)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10, min_n_ticks=1))
            axes.set_xlabel("epoch")
            axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
            axes.margins(y=0.12)
        right.yaxis.set_major_formatter(_percent)
        left.set_title("loss")
        right.set_title("accuracy")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        figure.suptitle(kept.replace("%", " %"), x=0.01, ha="left", fontsize=11)


def per_class_figure(path: Path, table: pd.DataFrame) -> None:
    """Draw a bar a class, its recall with the 95 % interval, and a mark at its precision; best on top.

    Args:
        path: where the PNG goes.
        table: one row a class, as `darkroom.metrics.per_class_table` gives it.

    Raises:
        ValueError: a column is missing or there is no row.
    """
    needed = ["class", "precision", "recall", "support", "recall_low", "recall_high"]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise ValueError(f"the table lacks {', '.join(missing)}; it has {', '.join(map(str, table.columns))}")
    if table.empty:
        raise ValueError("the table has no rows: there is no class to draw")
    rows = table.sort_values(["recall", "f1"] if "f1" in table else ["recall"], kind="stable")
    recall = rows["recall"].to_numpy(float)
    below = np.clip(recall - rows["recall_low"].to_numpy(float), 0, None)
    above = np.clip(rows["recall_high"].to_numpy(float) - recall, 0, None)
    known = rows["support"].to_numpy() > 0
    places = np.arange(len(rows))
    small = 10.0 if len(rows) <= 30 else 7.0
    with _figure(path, WIDTH, 1.5 + (0.34 if len(rows) <= 30 else 0.2) * len(rows)) as figure:
        axes = figure.add_subplot()
        axes.barh(places, recall, height=0.68, color="#8fc1e0", label="recall")
        axes.errorbar(
            recall[known],
            places[known],
            xerr=np.stack([below, above])[:, known],
            fmt="none",
            ecolor="#00466f",
            elinewidth=1.4,
            capsize=3,
            label="its 95 % interval",
        )
        axes.plot(
            rows["precision"].to_numpy(float),
            places,
            "D",
            color=ORANGE,
            markeredgecolor="white",
            markersize=6 if len(rows) <= 30 else 4.5,
            label="precision",
            clip_on=False,
        )
        for place, value, support in zip(places, recall, rows["support"], strict=True):
            text = f"{value:.1%}".replace("%", " %") if support else "no pictures"
            axes.text(1.02, float(place), text, va="center_baseline", fontsize=small)
        axes.set_yticks(places, [_short(str(name), 24) for name in rows["class"]], fontsize=small)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(_percent)
        figure.legend(loc="outside lower center", ncols=3)
        axes.set_title("recall of each class: how many of its pictures were recognised")


def mistakes_figure(
    path: Path,
    images: NDArray[np.uint8],
    actual: list[str],
    predicted: list[str],
    confidence: list[float],
) -> None:
    """Draw a gallery of mistakes in the order given, up to five a row; none gives a picture that says so.

    Args:
        path: where the PNG goes.
        images: uint8 [n, H, W, C], C 1 (grey) or 3 (RGB); enlarged pixel by pixel.
        actual: n names, what the pictures are.
        predicted: n names, what they were taken for.
        confidence: n probabilities of those predictions, 0..1.

    Raises:
        ValueError: the lengths, the shape, the type or a confidence are not as said.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.uint8:
        raise ValueError(f"images must be uint8 [n, H, W, 1 or 3], got {images.dtype} {list(images.shape)}")
    lengths = [len(images), len(actual), len(predicted), len(confidence)]
    if len(set(lengths)) > 1:
        raise ValueError(f"images, actual, predicted and confidence must be equally many, got {lengths}")
    for value in confidence:
        if not 0 <= value <= 1.001:  # as much as a row of probabilities may be off
            raise ValueError(f"confidence must be 0 to 1, got {value}")
    if len(images) == 0:
        with _figure(path, WIDTH, 2) as figure:
            figure.text(0.5, 0.5, "No mistakes: every picture was recognised.", ha="center", fontsize=12)
        return
    columns, gap, head, text = 5, 0.16, 0.5, 0.5  # the rest is in inches
    lines = math.ceil(len(images) / columns)
    # Fewer than a row keep the size they have in a full one.
    wide = (WIDTH - (columns + 1) * gap) / columns
    tall = wide * images.shape[1] / images.shape[2]
    height = head + lines * (text + tall + gap)
    with _figure(path, WIDTH, height, layout=None) as figure:
        title = "the most confident mistakes: what each was taken for (how surely), and what it is"
        figure.text(gap / WIDTH, 1 - 0.14 / height, title, fontsize=11, va="top")
        for place, image in enumerate(images):
            line, column = divmod(place, columns)
            left = gap + column * (wide + gap)
            bottom = height - head - (line + 1) * (text + tall) - line * gap
            axes = figure.add_axes((left / WIDTH, bottom / height, wide / WIDTH, tall / height))
            if image.shape[2] == 1:
                axes.imshow(image[:, :, 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            else:
                axes.imshow(image, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
            axes.spines[:].set(visible=True, color=FAINT)  # else a white picture has no edge
            sure = f"{min(confidence[place], 1):.0%}".replace("%", " %")
            said = f"{_short(predicted[place], 12)} ({sure})"
            above: dict[str, Any] = {"xy": (0, 1), "xycoords": "axes fraction", "textcoords": "offset points"}
            axes.annotate(said, xytext=(0, 18), color=ORANGE, fontsize=9, fontweight="bold", **above)
            axes.annotate(f"is {_short(actual[place], 17)}", xytext=(0, 5), fontsize=9, **above)


@contextmanager
def _figure(
    path: Path,
    width: float,
    height: float,
    layout: Literal["constrained", "compressed"] | None = "constrained",
) -> Iterator[Figure]:
    """Give a figure of so many inches in the common style; at the end it becomes the PNG at `path`."""
    # From matplotlib's defaults, so that a person's own settings change nothing.
    with style.context(STYLE, after_reset=True):
        figure = Figure(figsize=(width, height), layout=layout)
        yield figure
        with atomic_write(Path(path)) as file:
            # Without "Software" a new matplotlib that draws the same gives the same bytes.
            figure.savefig(file, format="png", metadata={"Software": None})


def _cell_numbers(
    axes: Axes, row: int, column: int, counts: NDArray[np.int64], share: NDArray[np.float64]
) -> None:
    """Write a cell's pictures and, where it says something and fits, its share of the row."""
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


def _commonest_confusions(counts: NDArray[np.int64], classes: Sequence[str]) -> str:
    """Return the commonest confusions in words, at most three and one line of them."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    told = ""
    for place in np.argsort(-wrong, axis=None, kind="stable")[:3]:
        row, column = divmod(int(place), len(classes))
        pair = f"{_short(classes[row], 18)} taken for {_short(classes[column], 18)} ({wrong[row, column]:,})"
        if wrong[row, column] == 0 or len(told) + len(pair) > 98:
            break
        told += (" · " if told else "most often: ") + pair
    return told


def _percent(value: float, _place: float) -> str:
    """Return a share 0..1 as a tick's text."""
    return f"{100 * value:g} %"


def _short(name: str, most: int) -> str:
    """Return `name` in one line, cut where it is longer than `most` characters."""
    name = " ".join(str(name).split())
    return name if len(name) <= most else name[: most - 1] + "…"
