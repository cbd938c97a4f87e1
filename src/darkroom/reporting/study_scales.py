"""Scales of a study's charts: where parameters and accuracies lie on an axis, and its ticks.

A place on an axis is 0 at its lower end and 1 at its upper end.
"""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from darkroom.config.search_space import Choices, Leaf, Range
from darkroom.reporting.study_view import StudyView

ABSENT = -0.14  # the place, on the axis of a parameter, of a trial that does not have it
NARROW = 50  # a logarithmic range of a smaller ratio has ticks at 2 and 5 times the powers of ten too


def axis_places(leaf: Leaf, values: pd.Series) -> NDArray[np.float64]:
    """Return the places of `values` on the axis of `leaf`, float64 [n]; NaN for an absent value.

    >>> axis_places(Range(low=0.01, high=1.0, log=True), pd.Series([0.01, 0.1, 1.0])).round(2).tolist()
    [0.0, 0.5, 1.0]
    >>> axis_places(Choices(choices=("adam", "sgd")), pd.Series(["sgd", "adam"])).tolist()
    [1.0, 0.0]
    """
    if isinstance(leaf, Choices):
        steps = max(len(leaf.choices) - 1, 1)
        order = {
            choice: number / steps if len(leaf.choices) > 1 else 0.5
            for number, choice in enumerate(leaf.choices)
        }
        return np.array([order.get(value, np.nan) for value in values], dtype=float)
    return _range_places(leaf, values.to_numpy(float))


def _range_places(leaf: Range, values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(leaf.low), float(leaf.high)
    if low == high:
        return np.where(np.isnan(values), np.nan, 0.5)
    if leaf.log:
        low, high, values = np.log(low), np.log(high), np.log(values)
    return np.asarray((values - low) / (high - low), dtype=float)


def axis_ticks(leaf: Leaf) -> list[tuple[float, str]]:
    """Return the places and the labels of the ticks on the axis of `leaf`.

    >>> [label for _, label in axis_ticks(Range(low=0.001, high=1.0, log=True))]
    ['0.001', '0.01', '0.1', '1']
    """
    if isinstance(leaf, Choices):
        places = axis_places(leaf, pd.Series(leaf.choices, dtype=object))
        return [(float(place), str(choice)) for place, choice in zip(places, leaf.choices, strict=True)]
    low, high = float(leaf.low), float(leaf.high)
    if low == high:
        values = np.array([low])
    elif leaf.log:
        powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        digits = (1, 2, 5) if high / low < NARROW else (1,)
        values = np.sort(np.concatenate([powers * digit for digit in digits]))
    else:
        whole = isinstance(leaf.low, int) and isinstance(leaf.high, int)
        values = np.asarray(MaxNLocator(nbins=4, integer=whole, min_n_ticks=2).tick_values(low, high))
    margin = 1e-9 * (high - low)
    values = values[(values >= low - margin) & (values <= high + margin)]
    places = _range_places(leaf, values)
    return [(float(place), f"{value:.3g}") for place, value in zip(places, values, strict=True)]


def accuracy_floor(view: StudyView) -> float:
    """Return the lowest accuracy drawn to scale: far worse trials would press the good ones together."""
    known = view.trials["validation_accuracy"].dropna()
    if known.empty:
        return 0.0
    best, middle = known.max(), known.median()
    return float(max(known.min(), best - 2.5 * max(best - middle, 0.01)))


def accuracy_places(values: NDArray[np.float64], floor: float, top: float) -> NDArray[np.float64]:
    """Return the places of accuracies [n] between `floor`, where lower ones are too, and `top`.

    >>> accuracy_places(np.array([0.1, 0.6, 0.7]), 0.5, 0.7).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    if not top > floor:
        return np.where(np.isnan(values), np.nan, 0.5)
    return np.clip((values - floor) / (top - floor), 0, None)


def accuracy_ticks(floor: float, top: float) -> list[float]:
    """Return round accuracies between `floor` and `top`; the only one there is if both are the same.

    >>> [round(tick, 2) for tick in accuracy_ticks(0.5, 0.7)]
    [0.52, 0.56, 0.6, 0.64, 0.68]
    """
    if not top > floor:
        return [] if np.isnan(top) else [top]
    return [float(value) for value in MaxNLocator(nbins=6).tick_values(floor, top) if floor <= value <= top]
