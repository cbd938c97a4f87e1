"""Loss and accuracy, epoch by epoch."""

from pathlib import Path

import pandas as pd
from matplotlib.ticker import MaxNLocator

from darkroom.reporting.figures.checks import require_table
from darkroom.reporting.figures.style import BLUE, ORANGE, SOFT, WIDTH, open_png, percent_tick


def learning_curve_figure(path: Path, curve: pd.DataFrame, best_epoch: int) -> None:
    """Draw loss and accuracy of the training and validation images, epoch by epoch.

    Args:
        path: of the PNG.
        curve: one row an epoch: `epoch`, `train_loss`, `train_accuracy`, `validation_loss` and
            `validation_accuracy` (shares within 0..1; both empty where training had no validation
            images); other columns are ignored.
        best_epoch: the epoch whose weights were kept; a line marks it.

    Raises:
        ValueError: a column is missing, there is no row, or `best_epoch` is not one of the epochs.
    """
    needed = ["epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    require_table(curve, needed, "curve", "no epoch was trained")
    epochs = curve["epoch"].to_numpy()
    if best_epoch not in epochs:
        raise ValueError(f"best_epoch is {best_epoch}, the curve has {epochs.min()} to {epochs.max()}")
    best = curve.loc[curve["epoch"] == best_epoch].iloc[-1]
    parts = [("train", ORANGE, "--", "s")]
    kept = f"kept: epoch {best_epoch}, the last; there were no validation images"
    if curve["validation_accuracy"].notna().any():
        parts.append(("validation", BLUE, "-", "o"))
        kept = (
            f"kept: epoch {best_epoch}, with {best['validation_accuracy']:.2%} of the validation images"
            f" correct (loss {best['validation_loss']:.3f})"
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
