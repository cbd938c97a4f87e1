"""What the figures and the page of a study show, as plain tables and scales."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from darkroom.config.search_space import Choices, Leaf, Range
from darkroom.reporting.figures.style import (
    format_share,
)

WITHOUT = -0.14  # where a trial stands on the axis of a value that it did not have


@dataclass(frozen=True)
class StudyView:
    """What there is to see of a study. All accuracies are shares within 0..1, of the validation images."""

    trials: pd.DataFrame
    """One row a trial: `trial`, `state` (complete, pruned, failed, …), `validation_accuracy` (of a pruned one
    the last, NaN where there is none), and a column for each of `leaves`, empty where the trial had none."""
    curves: pd.DataFrame
    """One row a report: `trial`, `epoch` (from 1) and `validation_accuracy`, in the order of the epochs."""
    leaves: Mapping[str, Leaf]
    """What was searched, by column of `trials`."""
    importances: Mapping[str, float]
    """By column, together 1, the greatest first; empty where there are too few trials to tell."""

    def __post_init__(self) -> None:
        wanted = {"trial", "state", "validation_accuracy", *self.leaves}
        for name, table, columns in (
            ("trials", self.trials, wanted),
            ("curves", self.curves, {"trial", "epoch", "validation_accuracy"}),
        ):
            missing = sorted(columns - set(table.columns))
            if missing:
                raise ValueError(f"the table of {name} lacks {', '.join(missing)}")
        if self.trials.empty:
            raise ValueError("the study has no trials: there is nothing to show")

    def of_state(self, state: str) -> pd.DataFrame:
        """Return the trials of a state."""
        return self.trials[self.trials["state"] == state]

    def best(self) -> pd.Series | None:
        """Return the complete trial of the best accuracy, the first of equals; None where there is none."""
        complete = self.of_state("complete")
        return None if complete.empty else complete.iloc[int(complete["validation_accuracy"].argmax())]

    def summary(self) -> str:
        """Say in a line how many trials there are and which is the best."""
        counts = [f"{len(self.trials)} trial{'s' if len(self.trials) > 1 else ''}"]
        for state, word in (("pruned", "pruned"), ("failed", "failed")):
            if number := len(self.of_state(state)):
                counts.append(f"{number} {word}")
        best = self.best()
        if best is None:
            return f"{', '.join(counts)}; not one came to its end"
        accuracy = format_share(best["validation_accuracy"], 2)
        return f"{', '.join(counts)}; the best is trial {best['trial']} with {accuracy}"


def no_importances(view: StudyView) -> str:
    """Say why there are no importances."""
    complete = len(view.of_state("complete"))
    return f"{complete} trial{'s' if complete != 1 else ''} came to an end: too few to tell what mattered"


def rungs(curves: pd.DataFrame) -> dict[int, int]:
    """Return how many trials came to an epoch, for the epochs after which there are fewer, and the last."""
    counts = curves.groupby("epoch")["trial"].nunique().sort_index()
    epochs, numbers = counts.index.to_numpy(int).tolist(), counts.to_numpy(int).tolist()
    ended = zip(epochs, numbers, [*numbers[1:], 0], strict=True)
    return {epoch: number for epoch, number, after in ended if after < number}


def axis_places(leaf: Leaf, values: pd.Series) -> NDArray[np.float64]:
    """Return where `values` stand on the axis of `leaf`, 0 (low) to 1; NaN where there is none."""
    if isinstance(leaf, Choices):
        steps = max(len(leaf.choices) - 1, 1)
        order = {
            choice: number / steps if len(leaf.choices) > 1 else 0.5
            for number, choice in enumerate(leaf.choices)
        }
        return np.array([order.get(value, np.nan) for value in values], dtype=float)
    return range_places(leaf, values.to_numpy(float))


def range_places(leaf: Range, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where `values` stand on the axis of a range, 0 (low) to 1."""
    low, high = float(leaf.low), float(leaf.high)
    if low == high:
        return np.where(np.isnan(values), np.nan, 0.5)
    if leaf.log:
        low, high, values = np.log(low), np.log(high), np.log(values)
    return np.asarray((values - low) / (high - low), dtype=float)


def axis_ticks(leaf: Leaf) -> list[tuple[float, str]]:
    """Return places on the axis of `leaf` and what stands there."""
    if isinstance(leaf, Choices):
        places = axis_places(leaf, pd.Series(leaf.choices, dtype=object))
        return [(float(place), str(choice)) for place, choice in zip(places, leaf.choices, strict=True)]
    low, high = float(leaf.low), float(leaf.high)
    if low == high:
        values = np.array([low])
    elif leaf.log:
        powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        few = high / low < 50
        values = np.sort(np.concatenate([powers * digit for digit in ((1, 2, 5) if few else (1,))]))
    else:
        whole = isinstance(leaf.low, int) and isinstance(leaf.high, int)
        values = np.asarray(MaxNLocator(nbins=4, integer=whole, min_n_ticks=2).tick_values(low, high))
    room = 1e-9 * (high - low)
    values = values[(values >= low - room) & (values <= high + room)]
    return [(float(at), f"{value:.3g}") for at, value in zip(range_places(leaf, values), values, strict=True)]


def accuracy_floor(view: StudyView) -> float:
    """Return the lowest accuracy drawn to scale: far worse trials would press the good ones together."""
    known = view.trials["validation_accuracy"].dropna()
    if known.empty:
        return 0.0
    best, middle = known.max(), known.median()
    return float(max(known.min(), best - 2.5 * max(best - middle, 0.01)))


def accuracy_places(values: NDArray[np.float64], floor: float, top: float) -> NDArray[np.float64]:
    """Return where accuracies stand between floor (0; so are those below) and top (1)."""
    if not top > floor:
        return np.where(np.isnan(values), np.nan, 0.5)
    return np.clip((values - floor) / (top - floor), 0, None)


def accuracy_ticks(floor: float, top: float) -> list[float]:
    """Return round accuracies between floor and top; the one there is where they are the same."""
    if not top > floor:
        return [] if np.isnan(top) else [top]
    return [float(value) for value in MaxNLocator(nbins=6).tick_values(floor, top) if floor <= value <= top]
