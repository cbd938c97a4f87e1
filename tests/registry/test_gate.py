"""The gate promotes a model that is better beyond chance and meets every minimum, and no other."""

from dataclasses import replace

import numpy as np
import pytest

from darkroom.registry.gate import judge
from tests.helpers.gate import GATE, candidate, correct_but


def test_the_first_model_needs_only_the_minimums() -> None:
    verdict = judge(candidate(correct_but(0, 100)), None, GATE)
    assert (verdict.promoted, verdict.outcome, verdict.champion) == (True, "first", None)
    assert "0.9000" in verdict.words


def test_a_model_better_beyond_chance_is_promoted() -> None:
    verdict = judge(candidate(correct_but(0, 80), "2"), candidate(correct_but(0, 100)), GATE)
    assert (verdict.promoted, verdict.outcome) == (True, "better")
    assert verdict.paired is not None
    assert (verdict.paired.only_first, verdict.paired.only_second) == (20, 0)
    assert verdict.paired.p_value == pytest.approx(2 * 0.5**20)
    assert verdict.words.startswith("promoted: +2.00 points")
    assert "version 1" in verdict.words


def test_a_model_better_within_chance_is_not_promoted() -> None:
    # 30 images gained and 22 lost: p is 0.33
    verdict = judge(candidate(correct_but(30, 52), "2"), candidate(correct_but(0, 30)), GATE)
    assert (verdict.promoted, verdict.outcome) == (False, "no better")
    assert verdict.paired is not None
    assert (verdict.paired.only_first, verdict.paired.only_second) == (30, 22)
    assert "gate.significance" in verdict.words


def test_an_equal_model_is_not_promoted() -> None:
    verdict = judge(candidate(correct_but(0, 100), "2"), candidate(correct_but(0, 100)), GATE)
    assert (verdict.promoted, verdict.outcome) == (False, "equal")
    assert "correct on exactly the same of the 1,000" in verdict.words


def test_a_worse_model_is_not_promoted() -> None:
    verdict = judge(candidate(correct_but(0, 100), "2"), candidate(correct_but(0, 50)), GATE)
    assert (verdict.promoted, verdict.outcome) == (False, "worse")
    assert verdict.words.startswith("refused: -5.00 points")


def test_test_images_that_are_too_few_for_any_verdict_are_told() -> None:
    loose = GATE.model_copy(update={"min_accuracy": 0.0, "min_class_recall": 0.0})
    labels = np.array([0, 0, 1, 1, 1])
    right = replace(candidate(correct_but(0, 0), "2"), labels=labels, predictions=labels)
    wrong = replace(candidate(correct_but(0, 0)), labels=labels, predictions=1 - labels)
    verdict = judge(right, wrong, loose)
    assert (verdict.promoted, verdict.outcome) == (False, "no better")
    assert "its 5 test images are too few" in verdict.words
    assert "too few" in judge(right, right, loose).words


def test_a_model_tested_on_other_images_is_refused() -> None:
    other = replace(candidate(correct_but(0, 10), "2"), test_sha256="b" * 64)
    verdict = judge(other, candidate(correct_but(0, 500)), GATE)
    assert (verdict.promoted, verdict.outcome) == (False, "not comparable")
    assert "tested on other images (bbbbbbbb against aaaaaaaa)" in verdict.words


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (("cat", "fox"), "new: fox; gone: dog"),
        (("dog", "cat"), "another order"),
        (("cat", "dog", "fox"), "new: fox; gone: none"),
    ],
)
def test_a_model_with_other_classes_is_refused(classes: tuple[str, ...], expected: str) -> None:
    verdict = judge(
        replace(candidate(correct_but(0, 10), "2"), classes=classes), candidate(correct_but(0, 500)), GATE
    )
    assert (verdict.promoted, verdict.outcome) == (False, "not comparable")
    assert expected in verdict.words
