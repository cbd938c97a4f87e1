"""Wilson's and bootstrapped intervals agree with published values and formulas."""

import math

import numpy as np
import pytest

from darkroom.evaluation.intervals import accuracy_with_interval, bootstrap_interval, wilson_interval

pytestmark = pytest.mark.filterwarnings("error")


def test_wilson_interval_matches_published_values() -> None:
    # Newcombe 1998 (Statistics in Medicine 17), table I, method 3.
    for successes, trials, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_matches_its_formula() -> None:
    n, p, z = 100, 0.9, 1.6448536269514722  # the 95th percentile of the normal distribution
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    expected = ((middle - half) / scale, (middle + half) / scale)
    assert wilson_interval(90, 100, 0.9) == pytest.approx(expected, abs=1e-12)


def test_wilson_interval_without_trials_is_0_to_1() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((5, 4), "0 to 4.*5"), ((-1, 4), "-1"), ((1, 4, 1.0), r"1\.0"), ((1, 4, 95), "95")],
)
def test_wilson_interval_rejects_impossible_arguments(arguments: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wilson_interval(*arguments)


def test_bootstrap_interval_of_a_mean_matches_the_normal_approximation_and_repeats() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    low, high = bootstrap_interval(lambda drawn: values[drawn].mean(), len(values), 2000)
    middle, half = values.mean(), 1.96 * values.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=0.03)
    again = bootstrap_interval(lambda drawn: values[drawn].mean(), len(values), 2000)
    assert again == (low, high)


def test_accuracies_have_wilson_intervals_and_no_images_have_no_accuracy() -> None:
    whole = accuracy_with_interval(np.array([True, True, True, False]))
    assert (whole["images"], whole["accuracy"]) == (4, 0.75)
    assert whole["accuracy_low"] == pytest.approx(0.3006, abs=1e-4)
    nothing = accuracy_with_interval(np.array([], dtype=bool))
    assert nothing["images"] == 0
    assert np.isnan(nothing["accuracy"])
