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
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from darkroom.files import atomic_write

INK, SOFT, FAINT = "#22272e", "#66707c", "#e4e8ec"
BLUE, ORANGE = "#0072b2", "#d55e00"  # from Okabe and Ito's palette
PALE, DEEP = "#8fc1e0", "#00466f"  # blue as well: bars, and the intervals on them
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
        right = int(np.trace(counts))
        axes.set_title(f"{right:,} of {labels.size:,} pictures right")
        if numbers:
            for row, column in zip(*np.nonzero(counts), strict=True):
                _cell_numbers(axes, int(row), int(column), counts, share)
        else:
            bar = figure.colorbar(image, ax=axes, shrink=0.5, pad=0.02, format=percent_tick)
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
    _refuse_table(curve, needed, "curve", "no epoch was trained")
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
    with open_png(path, WIDTH, 3.9) as figure:
        left, right = figure.subplots(1, 2)
        for axes, kind in ((left, "loss"), (right, "accuracy")):
            axes.axvline(best_epoch, color=SOFT, linewidth=1, linestyle=(0, (2, 2)))
            for part, colour, line, mark in parts:
                axes.plot(epochs, curve[f"{part}_{kind}"], line, marker=mark, color=colour, label=part)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10, min_n_ticks=1))
            axes.set_xlabel("epoch")
            axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
            axes.margins(y=0.12)
        right.yaxis.set_major_formatter(percent_tick)
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
    _refuse_table(table, needed, "table", "there is no class to draw")
    rows = table.sort_values(["recall", "f1"] if "f1" in table else ["recall"], kind="stable")
    recall = rows["recall"].to_numpy(float)
    below = np.clip(recall - rows["recall_low"].to_numpy(float), 0, None)
    above = np.clip(rows["recall_high"].to_numpy(float) - recall, 0, None)
    known = rows["support"].to_numpy() > 0
    places = np.arange(len(rows))
    small = 10.0 if len(rows) <= 30 else 7.0
    with open_png(path, WIDTH, 1.5 + (0.34 if len(rows) <= 30 else 0.2) * len(rows)) as figure:
        axes = figure.add_subplot()
        axes.barh(places, recall, height=0.68, color=PALE, label="recall")
        axes.errorbar(
            recall[known],
            places[known],
            xerr=np.stack([below, above])[:, known],
            fmt="none",
            ecolor=DEEP,
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
        axes.set_yticks(places, [shortened(str(name), 24) for name in rows["class"]], fontsize=small)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(percent_tick)
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
    _refuse_pictures("images", images)
    lengths = [len(images), len(actual), len(predicted), len(confidence)]
    if len(set(lengths)) > 1:
        raise ValueError(f"images, actual, predicted and confidence must be equally many, got {lengths}")
    for value in confidence:
        _refuse_share("confidence", value)
    captions = []
    for name, taken_for, value in zip(actual, predicted, confidence, strict=True):
        said = f"{shortened(taken_for, 12)} ({told_share(min(value, 1), 0)})"
        captions.append((said, f"is {shortened(name, 17)}"))
    gallery_figure(
        path,
        images,
        captions,
        title="the most confident mistakes: what each was taken for (how surely), and what it is",
        none="No mistakes: every picture was recognised.",
    )


def gallery_figure(
    path: Path, images: NDArray[np.uint8], captions: Sequence[tuple[str, str]], *, title: str, none: str
) -> None:
    """Draw a gallery in the order given, up to five a row, with two lines above each picture.

    Args:
        path: where the PNG goes.
        images: uint8 [n, H, W, C], C 1 (grey) or 3 (RGB); enlarged pixel by pixel.
        captions: n times two lines: the first is marked, orange and bold. Each is cut after 24 characters
            and set smaller where it is still too wide.
        title: what the gallery shows.
        none: what a picture says instead where there are no images.

    Raises:
        ValueError: the shape or the type is not as said, or the captions are not as many.
    """
    images = np.asarray(images)
    _refuse_pictures("images", images)
    if len(images) != len(captions):
        raise ValueError(f"images and captions must be equally many, got {[len(images), len(captions)]}")
    _gallery(path, [images], captions, columns=5, most=24, title=title, none=none)


def pairs_figure(
    path: Path,
    left: NDArray[np.uint8],
    right: NDArray[np.uint8],
    captions: Sequence[tuple[str, str]],
    *,
    title: str,
    none: str,
) -> None:
    """Draw pairs of pictures side by side in the order given, up to three pairs a row.

    Args:
        path: where the PNG goes.
        left: uint8 [n, H, W, C], C 1 (grey) or 3 (RGB); enlarged pixel by pixel.
        right: as `left`, of the same shape: what each picture on the left is like.
        captions: n times two lines: the first is marked, orange and bold. Each is cut after 34 characters
            and set smaller where it is still too wide.
        title: what the pairs show, and which picture is on the left.
        none: what a picture says instead where there are no pairs.

    Raises:
        ValueError: the shapes or the types are not as said, or the captions are not as many.
    """
    left, right = np.asarray(left), np.asarray(right)
    _refuse_pictures("left", left)
    _refuse_pictures("right", right)
    if left.shape != right.shape:
        raise ValueError(
            f"left and right must have the same shape, got {list(left.shape)} and {list(right.shape)}"
        )
    if len(left) != len(captions):
        raise ValueError(f"pairs and captions must be equally many, got {[len(left), len(captions)]}")
    _gallery(path, [left, right], captions, columns=3, most=34, title=title, none=none)


def reliability_figure(path: Path, table: pd.DataFrame, *, error: float, temperature: float | None) -> None:
    """Draw the reliability diagram: how often the model is right when it is so sure, bin by bin.

    A bin is marked where its interval does not hold its mean confidence. Below stands how many pictures
    each bin has.

    Args:
        path: where the PNG goes.
        table: one row a bin of confidence that has pictures: `low` and `high` (its edges), `pictures`,
            `confidence` (the mean), `accuracy`, `accuracy_low` and `accuracy_high` (its 95 % interval);
            shares within 0..1.
        error: the expected calibration error, 0..1.
        temperature: what the logits were divided by; 1 changes nothing, None says that none was fitted.

    Raises:
        ValueError: a column is missing, there is no row, or a number is not as said.
    """
    shares = ["low", "high", "confidence", "accuracy", "accuracy_low", "accuracy_high"]
    _refuse_table(table, [*shares, "pictures"], "table", "no picture has a confidence")
    _refuse_shares(table, shares)
    _refuse_share("error", error)
    if temperature is not None and not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    low, wide = table["low"].to_numpy(float), (table["high"] - table["low"]).to_numpy(float)
    confidence, accuracy = table["confidence"].to_numpy(float), table["accuracy"].to_numpy(float)
    reach = _reach(table)
    off = (confidence < accuracy - reach[0]) | (confidence > accuracy + reach[1])
    with open_png(path, WIDTH, 6.4) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.4, 1])
        upper.plot([0, 1], [0, 1], "--", color=SOFT, linewidth=1.2, label="as sure as right")
        for rows, colour, mark, name in (
            (~off, BLUE, "o", "accuracy, 95 % interval"),
            (off, ORANGE, "D", "interval off the line"),
        ):
            if rows.any():
                upper.errorbar(
                    confidence[rows],
                    accuracy[rows],
                    yerr=reach[:, rows],
                    fmt=mark,
                    color=colour,
                    markersize=6,
                    elinewidth=1.4,
                    capsize=3,
                    label=name,
                )
        upper.text(0.01, 0.98, "not sure enough", color=SOFT, va="top")
        upper.text(0.99, 0.02, "too sure", color=SOFT, ha="right")
        upper.set_xlim(-0.01, 1.01)
        upper.set_ylim(-0.02, 1.02)
        upper.set_ylabel("accuracy")
        upper.xaxis.set_major_formatter(percent_tick)
        upper.yaxis.set_major_formatter(percent_tick)
        lower.bar(low, table["pictures"], width=wide, align="edge", color=PALE, edgecolor="white")
        numbers = [f"{pictures:,}" for pictures in table["pictures"]]
        # An axis of some 500 points, and digits 0.64 as wide as their size.
        small = min(9.0, 480 * float(wide.min()) / (0.64 * max(map(len, numbers))))
        if small >= 6:
            for place, pictures, number in zip(low + wide / 2, table["pictures"], numbers, strict=True):
                above: dict[str, Any] = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center"}
                lower.annotate(number, (float(place), pictures), fontsize=small, **above)
        lower.set_ylim(0, 1.22 * float(table["pictures"].max()))
        lower.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))
        lower.yaxis.set_major_formatter(_thousands)
        lower.grid(False, axis="x")
        lower.set_xlabel("confidence")
        lower.set_ylabel("pictures")
        figure.align_ylabels()
        figure.legend(loc="outside lower center", ncols=3)
        fitted = "no temperature fitted" if temperature is None else f"at temperature {temperature:.3g}"
        upper.set_title(f"expected calibration error {told_share(error, 2)}, {fitted}")


def coverage_figure(
    path: Path, curve: pd.DataFrame, *, threshold: float | None, sure_accuracy: float | None
) -> None:
    """Draw how accurate the answers are when only the pictures the model is sure of are answered.

    Args:
        path: where the PNG goes.
        curve: one row a threshold of confidence, sorted by falling coverage: `threshold`, `coverage` (the
            share of the pictures that are answered, 0..1) and `accuracy` (of those, 0..1; not looked at
            where none is answered).
        threshold: the one chosen on the validation pictures. Its point is marked, that of the lowest
            threshold in the curve that is not below it. None says that no threshold reaches
            `sure_accuracy` on the validation pictures.
        sure_accuracy: the accuracy asked for, 0..1. None says that there were no validation pictures to
            choose a threshold on; then `threshold` is None too.

    Raises:
        ValueError: a column is missing, no row has answered pictures, the rows are in another order, or
            a number is not as said.
    """
    _refuse_table(curve, ["threshold", "coverage", "accuracy"], "curve", "no threshold was tried")
    _refuse_shares(curve, ["coverage"])
    if (np.diff(curve["coverage"].to_numpy(float)) > 0).any():
        raise ValueError("the curve must be sorted by falling coverage")
    answered = curve[curve["coverage"] > 0]
    if answered.empty:
        raise ValueError("the curve has no row with answered pictures: every coverage is 0")
    _refuse_shares(answered, ["accuracy"])
    title = "accuracy of the answers when only the sure ones are given"
    if sure_accuracy is None:
        title += "; no threshold was chosen"
    else:
        _refuse_share("sure_accuracy", sure_accuracy)
        asked = percent_tick(sure_accuracy, 0)
    if sure_accuracy is not None and threshold is None:
        title = f"no threshold makes {asked} of the answered validation pictures right"
    if threshold is not None:
        _refuse_share("threshold", threshold)
    lowest = min(float(answered["accuracy"].min()), 1.0 if sure_accuracy is None else sure_accuracy)
    span = max(1 - lowest, 0.01)
    bottom = lowest - 0.24 * span  # leaves a strip below the curve, for the words
    with open_png(path, WIDTH, 4.6) as figure:
        axes = figure.add_subplot()
        if sure_accuracy is not None:
            axes.axhline(
                sure_accuracy, color=SOFT, linewidth=1.2, linestyle="--", label=f"asked for: {asked}"
            )
        line = "-o" if len(answered) <= 30 else "-"
        axes.plot(answered["coverage"], answered["accuracy"], line, color=BLUE, label="accuracy")
        if threshold is not None:
            sure = answered[answered["threshold"] >= threshold - 1e-9]
            said, place = "no picture is so sure", 0.0
            if not sure.empty:
                place, right = float(sure["coverage"].iloc[0]), float(sure["accuracy"].iloc[0])
                said = f"{told_share(place)} answered, {told_share(right, 2)} of them right"
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
        axes.set_xlabel("coverage: the share of the pictures that are answered")
        axes.set_ylabel("accuracy of the answered pictures")
        figure.legend(loc="outside lower center", ncols=3)
        axes.set_title(title)


def corruptions_figure(path: Path, table: pd.DataFrame, *, clean: float) -> None:
    """Draw a panel a corruption, the accuracy against its strength; the order is the table's.

    The title tells the mean corruption accuracy: the mean over the corruptions of their mean over the
    strengths.

    Args:
        path: where the PNG goes.
        table: one row a corruption and strength: `corruption`, `strength` (whole numbers), `pictures`,
            `accuracy`, `accuracy_low` and `accuracy_high` (its 95 % interval); shares within 0..1.
        clean: the accuracy on the same pictures as they are, 0..1.

    Raises:
        ValueError: a column is missing, there is no row, or a share is not 0..1.
    """
    shares = ["accuracy", "accuracy_low", "accuracy_high"]
    needed = ["corruption", "strength", "pictures", *shares]
    _refuse_table(table, needed, "table", "there is no corruption to draw")
    _refuse_shares(table, shares)
    _refuse_share("clean", clean)
    names = list(dict.fromkeys(table["corruption"]))
    columns = len(names) if len(names) <= 4 else 3 if len(names) in (5, 6, 9) else 4
    lines = math.ceil(len(names) / columns)
    strengths = sorted(set(table["strength"]))
    fewest, most = table["pictures"].min(), table["pictures"].max()
    pictures = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    means = []
    with open_png(path, WIDTH, 1.1 + 1.9 * lines) as figure:
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place >= len(names):
                axes.remove()
                continue
            rows = table[table["corruption"] == names[place]].sort_values("strength")
            means.append(float(rows["accuracy"].mean()))
            axes.axhline(
                clean, color=SOFT, linewidth=1.2, linestyle="--", label=f"clean: {told_share(clean)}"
            )
            axes.fill_between(
                rows["strength"],
                rows["accuracy_low"],
                rows["accuracy_high"],
                color="#bcd9ec",
                linewidth=1,
                label="95 % interval",
            )
            axes.plot(
                rows["strength"], rows["accuracy"], "-o", color=BLUE, label=f"accuracy on {pictures} pictures"
            )
            above: dict[str, Any] = {"xy": (0, 1), "xycoords": "axes fraction", "textcoords": "offset points"}
            axes.annotate(shortened(names[place], 20), xytext=(0, 17), **above)
            axes.annotate(f"mean {told_share(means[-1])}", xytext=(0, 5), fontsize=8.5, color=SOFT, **above)
            axes.tick_params(labelbottom=True)
        first = grid[0, 0]
        first.set_xticks(strengths)
        first.set_xlim(strengths[0] - 0.3, strengths[-1] + 0.3)
        first.set_ylim(0, 1.03)
        first.set_yticks([0, 0.5, 1])
        first.yaxis.set_major_formatter(percent_tick)
        figure.legend(*first.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        mean = told_share(float(np.mean(means)))
        told = f"accuracy by strength of corruption; mean corruption accuracy {mean}"
        figure.suptitle(told, x=0.01, ha="left", fontsize=11)


def slices_figure(path: Path, table: pd.DataFrame) -> None:
    """Draw the accuracy of each group of pictures with its interval, slice below slice.

    The line is the accuracy of all pictures, those of the first slice together; a group is marked where
    its whole interval is below it.

    Args:
        path: where the PNG goes.
        table: one row a group: `slice` (what the pictures are cut by), `group`, `pictures`, `accuracy`,
            `accuracy_low` and `accuracy_high` (its 95 % interval); shares within 0..1, not looked at
            where a group has no pictures.

    Raises:
        ValueError: a column is missing, there is no row, a share is not 0..1, or the first slice has no
            pictures.
    """
    shares = ["accuracy", "accuracy_low", "accuracy_high"]
    _refuse_table(table, ["slice", "group", "pictures", *shares], "table", "there is no slice to draw")
    _refuse_shares(table[table["pictures"] > 0], shares)
    first = table[(table["slice"] == table["slice"].iloc[0]) & (table["pictures"] > 0)]
    if first.empty:
        raise ValueError(
            f"the slice {table['slice'].iloc[0]!r} has no pictures, so there is no accuracy of all"
        )
    overall = float((first["accuracy"] * first["pictures"]).sum() / first["pictures"].sum())
    heads, parts, place = [], [], 0.0
    for name in dict.fromkeys(table["slice"]):
        part = table[table["slice"] == name]
        heads.append((place, f"by {shortened(str(name), 24)}"))
        parts.append(part.assign(place=place + 1 + np.arange(len(part))))
        place += len(part) + 1.6
    rows = pd.concat(parts)
    known = rows[rows["pictures"] > 0]
    below = known["accuracy_high"] < overall
    few = len(rows) <= 30
    small = 10.0 if few else 7.5
    with open_png(path, WIDTH, 1.5 + (0.32 if few else 0.19) * place) as figure:
        axes = figure.add_subplot()
        axes.axvline(overall, color=SOFT, linewidth=1.2, linestyle="--", label="all pictures")
        for shown, colour, mark, label in (
            (known[~below], BLUE, "o", "accuracy, 95 % interval"),
            (known[below], ORANGE, "D", "interval below all pictures"),
        ):
            if not shown.empty:
                axes.errorbar(
                    shown["accuracy"],
                    shown["place"],
                    xerr=_reach(shown),
                    fmt=mark,
                    color=colour,
                    markersize=6 if few else 4,
                    elinewidth=1.4,
                    capsize=3 if few else 2,
                    label=label,
                )
        for at, accuracy, pictures in zip(rows["place"], rows["accuracy"], rows["pictures"], strict=True):
            text = f"{told_share(accuracy)} of {pictures:,}" if pictures else "no pictures"
            axes.text(1.02, at, text, va="center_baseline", fontsize=small,
                      transform=axes.get_yaxis_transform())  # fmt: skip
        names = [name for _, name in heads] + [shortened(str(name), 24) for name in rows["group"]]
        axes.set_yticks([at for at, _ in heads] + list(rows["place"]), names, fontsize=small)
        for heading in axes.get_yticklabels()[: len(heads)]:
            heading.set_fontweight("bold")
        axes.tick_params(axis="y", length=0)
        # The last slice left 0.6 of a row below it; the paper ends at the same distance above.
        axes.set_ylim(place - 0.8, -0.6)
        leftmost = math.floor(10 * min(float(known["accuracy_low"].min()), overall) + 1e-9) / 10
        leftmost = min(max(leftmost, 0.0), 0.9)
        room = 0.015 * (1 - leftmost)  # for a whole point at 100 %
        axes.set_xlim(leftmost - room, 1 + room)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(percent_tick)
        if not few:  # the axis at the bottom is pages away
            axes.tick_params(axis="x", top=True, labeltop=True)
        figure.legend(loc="outside lower center", ncols=3)
        axes.set_title(f"accuracy of each slice of the pictures; all together: {told_share(overall, 2)}")


@contextmanager
def open_png(
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


def _gallery(
    path: Path,
    sets: Sequence[NDArray[np.uint8]],
    captions: Sequence[tuple[str, str]],
    *,
    columns: int,
    most: int,
    title: str,
    none: str,
) -> None:
    """Draw cells, `columns` a row, each with one picture of every set side by side under its captions.

    Args:
        path: where the PNG goes.
        sets: arrays of the same shape, uint8 [n, H, W, 1 or 3].
        captions: n times two lines, cut after `most` characters.
        columns: how many cells a full row has.
        most: characters of a line.
        title: what stands on top.
        none: what the picture says where n is 0.
    """
    if not captions:
        with open_png(path, WIDTH, 2) as figure:
            said = " ".join(none.split())
            figure.text(0.5, 0.5, said, ha="center", fontsize=_fitting(said, 12, 0.94 * WIDTH))
        return
    gap, seam, head, text = 0.16, 0.04, 0.5, 0.5  # in inches, as what follows
    lines = math.ceil(len(captions) / columns)
    # Fewer than a row keep the size they have in a full one.
    cell = (WIDTH - (columns + 1) * gap) / columns
    wide = (cell - (len(sets) - 1) * seam) / len(sets)
    tall = wide * sets[0].shape[1] / sets[0].shape[2]
    height = head + lines * (text + tall + gap)
    with open_png(path, WIDTH, height, layout=None) as figure:
        title = " ".join(title.split())
        size = _fitting(title, 11, WIDTH - 2 * gap)
        figure.text(gap / WIDTH, 1 - 0.14 / height, title, fontsize=size, va="top")
        for place, caption in enumerate(captions):
            line, column = divmod(place, columns)
            left = gap + column * (cell + gap)
            bottom = height - head - (line + 1) * (text + tall) - line * gap
            for number, images in enumerate(sets):
                start = left + number * (wide + seam)
                axes = figure.add_axes((start / WIDTH, bottom / height, wide / WIDTH, tall / height))
                image = images[place]
                if image.shape[2] == 1:
                    axes.imshow(image[:, :, 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                else:
                    axes.imshow(image, interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.grid(False)
                axes.spines[:].set(visible=True, color=FAINT)  # else a white picture has no edge
            for said, up, colour, weight in (
                (shortened(caption[0], most), 18, ORANGE, "bold"),
                (shortened(caption[1], most), 5, INK, "normal"),
            ):
                at = (left / WIDTH, (bottom + tall + up / 72) / height)
                size = _fitting(said, 9, cell + gap / 4, weight)
                figure.text(*at, said, color=colour, fontsize=size, fontweight=weight)


def _fitting(line: str, size: float, room: float, weight: str = "normal") -> float:
    """Return the font size at which `line` fits into `room` inches, at most `size`."""
    if not line.strip():  # has no path
        return size
    drawn = TextPath((0, 0), line, size=size, prop=FontProperties(weight=weight))
    return size * min(1.0, 72 * room / max(drawn.get_extents().width, 1.0))


def _reach(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return how far the interval reaches below and above each accuracy, [2, rows]."""
    low, middle, high = (rows[name].to_numpy(float) for name in ("accuracy_low", "accuracy", "accuracy_high"))
    reach: NDArray[np.float64] = np.clip(np.stack([middle - low, high - middle]), 0, None)
    return reach


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
        actual, predicted = shortened(classes[row], 18), shortened(classes[column], 18)
        pair = f"{actual} taken for {predicted} ({wrong[row, column]:,})"
        if wrong[row, column] == 0 or len(told) + len(pair) > 98:
            break
        told += (" · " if told else "most often: ") + pair
    return told


def _refuse_table(table: pd.DataFrame, needed: Sequence[str], name: str, empty: str) -> None:
    """Raise ValueError where a table lacks a column or has no row; `empty` says what that means."""
    missing = [column for column in needed if column not in table.columns]
    if missing:
        has = ", ".join(map(str, table.columns))
        raise ValueError(f"the {name} lacks {', '.join(missing)}; it has {has}")
    if table.empty:
        raise ValueError(f"the {name} has no rows: {empty}")


def _refuse_shares(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise ValueError where a column holds a number that is no share."""
    for name in columns:
        for value in table[name].to_numpy(float):
            _refuse_share(name, value)


def _refuse_share(name: str, value: float) -> None:
    """Raise ValueError where `value` is not 0 to 1, but for what a sum of probabilities may be off."""
    if not -1e-9 <= value <= 1.001:
        raise ValueError(f"{name} must be 0 to 1, got {value}")


def _refuse_pictures(name: str, images: NDArray[np.uint8]) -> None:
    """Raise ValueError where `images` are no pictures that can be drawn."""
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.uint8:
        raise ValueError(f"{name} must be uint8 [n, H, W, 1 or 3], got {images.dtype} {list(images.shape)}")


def told_share(share: float, digits: int = 1) -> str:
    """Return a share 0..1 in words, with so many digits after the point."""
    return f"{share:.{digits}%}".replace("%", " %")


def _thousands(value: float, _place: float) -> str:
    """Return a number of pictures as a tick's text."""
    return f"{value:,.0f}"


def percent_tick(value: float, _place: float) -> str:
    """Return a share 0..1 as a tick's text."""
    return f"{100 * value:g} %"


def shortened(name: str, most: int) -> str:
    """Return `name` in one line, cut where it is longer than `most` characters."""
    name = " ".join(str(name).split())
    return name if len(name) <= most else name[: most - 1] + "…"
