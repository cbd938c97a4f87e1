"""How often the 95 % intervals of `unit_interval` hold the truth: `python -m benchmarks.intervals`.

It simulates images that depend on each other, and cross-validates scikit-learn's digits many times. It takes
about a minute on one core.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier

from darkroom.evaluation.intervals import wilson_interval
from darkroom.evaluation.unit_intervals import unit_interval

SIMULATIONS = [  # accuracy, correlation within a unit, units, images of one
    (0.9, 0.0, 100, 1),
    (0.9, 0.3, 30, 8),
    (0.9, 0.3, 12, 20),
    (0.9, 0.3, 6, 30),
]
MODELS: dict[str, Callable[[], Any]] = {
    "ridge classifier": lambda: RidgeClassifier(256.0),
    "nearest neighbour": lambda: KNeighborsClassifier(1),
}
FOLDS = 5


def draw_units(
    random: np.random.Generator, accuracy: float, correlation: float, units: int, size: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Draw which images are correct, and the unit of each; units have `size` images, half more or less."""
    of_units = np.full(units, accuracy)
    if correlation:
        total = (1 - correlation) / correlation
        of_units = random.beta(accuracy * total, (1 - accuracy) * total, units)
    sizes = random.integers(max(1, size // 2), size * 3 // 2 + 1, units)
    places = np.repeat(np.arange(units), sizes)
    return random.random(len(places)) < of_units[places], places


def coverage_of_units(
    accuracy: float, correlation: float, units: int, size: int, *, repeats: int
) -> tuple[float, float]:
    """Return how often `unit_interval` and Wilson's interval of the images hold the accuracy, 0 to 1."""
    random = np.random.default_rng(0)
    held = np.zeros((repeats, 2), dtype=bool)
    for repeat in range(repeats):
        correct, places = draw_units(random, accuracy, correlation, units, size)
        intervals = (unit_interval(correct, places), wilson_interval(int(correct.sum()), len(correct)))
        held[repeat] = [low <= accuracy <= high for low, high in intervals]
    ours, wilsons = held.mean(axis=0)
    return float(ours), float(wilsons)


def coverage_of_folds(model: Callable[[], Any], images: int, *, repeats: int) -> float:
    """Return how often the interval of a cross-validation of some digits holds the mean accuracy.

    That is the mean over all repeats of the accuracy of their models on all digits they were not given.
    """
    values, labels = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    accuracies, intervals = [], []
    for _ in range(repeats):
        order = random.permutation(len(values))
        chosen, others = order[:images], order[images:]
        x, y = values[chosen], labels[chosen]
        correct = np.zeros(images, dtype=bool)
        for fitted, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, y):
            trained = model().fit(x[fitted], y[fitted])
            correct[held_out] = trained.predict(x[held_out]) == y[held_out]
            accuracies.append(np.mean(trained.predict(values[others]) == labels[others]))
        intervals.append(unit_interval(correct, np.arange(images)))
    low, high = np.array(intervals).T
    truth = np.mean(accuracies)
    return float(np.mean((low <= truth) & (truth <= high)))


def main() -> None:
    """Print a row a simulation."""
    warnings.filterwarnings("ignore", message="The least populated class")  # as it is with few images
    for accuracy, correlation, units, size in SIMULATIONS:
        ours, wilsons = coverage_of_units(accuracy, correlation, units, size, repeats=1500)
        print(
            f"accuracy {accuracy:.0%}, correlation {correlation}, {units} units of {size}: "
            f"{ours:.1%}, Wilson's {wilsons:.1%}",
            flush=True,
        )
    for name, model in MODELS.items():
        for images in (60, 150, 280):
            held = coverage_of_folds(model, images, repeats=300)
            print(f"{FOLDS} folds of {images} digits, {name}: {held:.1%}", flush=True)


if __name__ == "__main__":
    main()
