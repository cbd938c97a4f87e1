"""The gate promotes what is better beyond chance and above every floor, and nothing else."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.config.gate import Gate
from darkroom.registry.gate import Candidate, judge, paired_test

RULES = Gate(
    significance=0.05, min_accuracy=0.5, min_class_recall=0.2, max_calibration_error=0.1, max_milliseconds=50
)
LABELS = np.arange(1000) % 2


def candidate(right: NDArray[np.bool_], version: str = "1") -> Candidate:
    return Candidate(
        version=version,
        test_sha256="a" * 64,
        classes=("cat", "dog"),
        labels=LABELS,
        predictions=np.where(right, LABELS, 1 - LABELS),
        calibration_error=0.02,
        milliseconds=3.0,
    )


def right(*wrong: int) -> NDArray[np.bool_]:
    """Return all right but the images in this range."""
    answers = np.ones(1000, dtype=bool)
    answers[slice(*wrong)] = False
    return answers


def test_the_first_model_needs_only_the_floors() -> None:
    verdict = judge(candidate(right(0, 100)), None, RULES)
    assert (verdict.promoted, verdict.outcome, verdict.champion) == (True, "first", None)
    assert "0.9000" in verdict.words


def test_a_model_better_beyond_chance_is_promoted() -> None:
    verdict = judge(candidate(right(0, 80), "2"), candidate(right(0, 100)), RULES)
    assert (verdict.promoted, verdict.outcome) == (True, "better")
    assert verdict.paired is not None
    assert (verdict.paired.only_first, verdict.paired.only_second) == (20, 0)
    assert verdict.paired.p_value == pytest.approx(2 * 0.5**20)
    assert verdict.words.startswith("promoted: +2.00 points")
    assert "version 1" in verdict.words


def test_a_better_model_within_chance_is_not() -> None:
    # 30 images won and 22 lost: p is 0.33
    verdict = judge(candidate(right(30, 52), "2"), candidate(right(0, 30)), RULES)
    assert (verdict.promoted, verdict.outcome) == (False, "no better")
    assert verdict.paired is not None
    assert (verdict.paired.only_first, verdict.paired.only_second) == (30, 22)
    assert "gate.significance" in verdict.words


def test_an_equal_model_is_not() -> None:
    verdict = judge(candidate(right(0, 100), "2"), candidate(right(0, 100)), RULES)
    assert (verdict.promoted, verdict.outcome) == (False, "equal")
    assert "right on the same of the 1,000" in verdict.words


def test_a_worse_model_is_not() -> None:
    verdict = judge(candidate(right(0, 100), "2"), candidate(right(0, 50)), RULES)
    assert (verdict.promoted, verdict.outcome) == (False, "worse")
    assert verdict.words.startswith("refused: -5.00 points")


def test_other_test_images_are_refused() -> None:
    other = replace(candidate(right(0, 10), "2"), test_sha256="b" * 64)
    verdict = judge(other, candidate(right(0, 500)), RULES)
    assert (verdict.promoted, verdict.outcome) == (False, "not comparable")
    assert "tested on other images (bbbbbbbb against aaaaaaaa)" in verdict.words


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("cat", "fox"), "new: fox; gone: dog"),
        (("dog", "cat"), "another order"),
        (("cat", "dog", "fox"), "new: fox; gone: none"),
    ],
)
def test_other_classes_are_refused(classes: tuple[str, ...], said: str) -> None:
    verdict = judge(replace(candidate(right(0, 10), "2"), classes=classes), candidate(right(0, 500)), RULES)
    assert (verdict.promoted, verdict.outcome) == (False, "not comparable")
    assert said in verdict.words


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"predictions": 1 - LABELS}, "test accuracy 0.0000 is below gate.min_accuracy 0.5"),
        ({"predictions": np.zeros(1000, dtype=np.int64)}, "recall 0.0000 of class dog is below"),
        ({"calibration_error": 0.3}, "calibration error 0.3000 is above gate.max_calibration_error 0.1"),
        ({"milliseconds": 80.0}, "80.0 ms an image is above gate.max_milliseconds 50"),
    ],
)
@pytest.mark.parametrize("champion", [None, candidate(right(0, 999))])
def test_each_floor_refuses_whatever_the_champion_is(
    changes: dict[str, Any], said: str, champion: Candidate | None
) -> None:
    verdict = judge(replace(candidate(right(0, 0), "2"), **changes), champion, RULES)
    assert (verdict.promoted, verdict.outcome) == (False, "below a minimum")
    assert said in verdict.words


def test_what_was_not_measured_is_no_obstacle() -> None:
    unknown = replace(candidate(right(0, 10)), calibration_error=None, milliseconds=None)
    assert judge(unknown, None, RULES).promoted


def test_the_paired_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for seed in range(300):
        kinds = generator.choice(3, p=[0.06, 0.04, 0.9], size=2000)  # one is better by two points
        paired = paired_test(kinds != 1, kinds != 0, seed=seed)
        held += paired.low <= 0.02 <= paired.high
    assert 0.91 <= held / 300 <= 0.985


def test_mcnemar_calls_equal_models_different_as_rarely_as_it_says() -> None:
    generator = np.random.default_rng(0)
    alarms = 0
    for _ in range(500):
        kinds = generator.choice(3, p=[0.05, 0.05, 0.9], size=1000)
        alarms += paired_test(kinds != 1, kinds != 0).p_value <= 0.05
    assert alarms / 500 <= 0.07


def test_answers_to_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[3\] and \[4\]"):
        paired_test(np.ones(3, bool), np.ones(4, bool))
