"""Intervals over units hold the true accuracy about as often as they say."""

import numpy as np
import pytest

from benchmarks.intervals import MODELS, coverage_of_folds, coverage_of_units
from darkroom.evaluation.intervals import wilson_interval
from darkroom.evaluation.unit_intervals import unit_interval


@pytest.mark.parametrize("correct", [90, 100, 0])
def test_units_of_one_image_give_wilsons_interval(correct: int) -> None:
    found = unit_interval(np.arange(100) < correct, np.arange(100))
    assert found == pytest.approx(wilson_interval(correct, 100), abs=0.005)


def test_copies_of_every_image_make_no_interval_narrower() -> None:
    correct = np.arange(60) % 6 > 0
    once = unit_interval(correct, np.arange(60))
    assert unit_interval(np.repeat(correct, 5), np.repeat(np.arange(60), 5)) == pytest.approx(once, abs=1e-3)


def test_a_rare_class_widens_the_interval_of_the_balanced_accuracy() -> None:
    labels = np.repeat([0, 1], [95, 5])
    correct = np.arange(100) % 5 > 0
    low, high = unit_interval(correct, np.arange(100))
    balanced_low, balanced_high = unit_interval(correct, np.arange(100), strata=labels)
    assert balanced_high - balanced_low > 1.5 * (high - low)


@pytest.mark.parametrize("units", [[], [3, 3, 3]])
def test_of_one_unit_nothing_is_known(units: list[int]) -> None:
    assert unit_interval(np.ones(len(units), bool), np.array(units, dtype=np.int64)) == (0, 1)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_alike_leaves_the_chance_of_few_units(share: float) -> None:
    low, high = unit_interval(np.full(100, share == 1), np.arange(100) // 10)
    assert 0.25 < high - low < 0.4
    assert low <= share <= high


@pytest.mark.parametrize(
    ("accuracy", "correlation", "units", "size"), [(0.9, 0.3, 30, 8), (0.8, 0.1, 8, 10), (0.9, 0.3, 12, 20)]
)
def test_dependent_images_are_covered_where_wilson_is_not(
    accuracy: float, correlation: float, units: int, size: int
) -> None:
    ours, wilsons = coverage_of_units(accuracy, correlation, units, size, repeats=300)
    assert ours > 0.87 > wilsons


@pytest.mark.integration
def test_the_accuracy_that_is_cross_validated_is_covered() -> None:
    assert coverage_of_folds(MODELS["ridge classifier"], 150, repeats=100) > 0.87
