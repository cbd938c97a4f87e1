"""Each rule of the gate refuses a model that breaks it, whatever the champion is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from darkroom.config.gate import Gate
from darkroom.registry.candidate import Candidate
from darkroom.registry.gate import judge
from darkroom.registry.gate_rules import AGAINST_CHAMPION, RULES, failures, losses
from tests.helpers.gate import GATE, LABELS, candidate, correct_but


def test_every_parameter_of_the_gate_but_the_significance_has_a_rule() -> None:
    assert {*RULES, *AGAINST_CHAMPION, "significance"} == set(Gate.model_fields)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"predictions": 1 - LABELS}, "test accuracy 0.0000 is below gate.min_accuracy 0.5"),
        ({"predictions": np.zeros(1000, dtype=np.int64)}, "recall 0.0000 of class dog is below"),
        ({"calibration_error": 0.3}, "calibration error 0.3000 is above gate.max_calibration_error 0.1"),
        ({"milliseconds": 80.0}, "80.0 ms an image is above gate.max_milliseconds 50"),
    ],
)
@pytest.mark.parametrize("champion", [None, candidate(correct_but(0, 999))])
def test_each_rule_refuses_whatever_the_champion_is(
    changes: dict[str, Any], expected: str, champion: Candidate | None
) -> None:
    verdict = judge(replace(candidate(correct_but(0, 0), "2"), **changes), champion, GATE)
    assert (verdict.promoted, verdict.outcome) == (False, "below a minimum")
    assert expected in verdict.words


def test_every_broken_rule_is_named() -> None:
    slow_and_wrong = replace(candidate(correct_but(0, 1000)), milliseconds=80.0, calibration_error=0.3)
    named = [sentence.split(" gate.")[1].split()[0] for sentence in failures(slow_and_wrong, GATE)]
    assert named == [name for name in RULES if name != "min_average_precision"]  # of several labels alone


def test_what_was_not_measured_passes() -> None:
    unknown = replace(candidate(correct_but(0, 10)), calibration_error=None, milliseconds=None)
    assert judge(unknown, None, GATE).promoted


def test_a_limit_of_zero_milliseconds_allows_any() -> None:
    assert (
        failures(
            replace(candidate(correct_but()), milliseconds=1e6),
            GATE.model_copy(update={"max_milliseconds": 0}),
        )
        == []
    )


def test_a_better_model_whose_recall_of_a_class_falls_too_far_is_refused() -> None:
    champion = candidate(correct_but(0, 200))  # recall 0.8 of either class
    gained = correct_but()
    gained[1:300:2] = False  # dogs alone: recall of dog falls from 0.8 to 0.7, of cat rises to 1
    better = candidate(gained, "2")
    assert judge(better, champion, GATE).promoted
    bound = GATE.model_copy(update={"max_recall_fall": 0.05})
    verdict = judge(better, champion, bound)
    assert (verdict.promoted, verdict.outcome) == (False, "a recall fell")
    assert (
        "recall of class dog falls from 0.8000 to 0.7000 on 500 test images, which is more than "
        "gate.max_recall_fall 0.05" in verdict.words
    )
    assert verdict.words.startswith("refused: +5.00 points")
    assert judge(better, champion, GATE.model_copy(update={"max_recall_fall": 0.1})).promoted  # no further


def test_a_model_that_is_no_better_is_refused_for_that_reason_alone() -> None:
    bound = GATE.model_copy(update={"max_recall_fall": 0.0})
    worse, champion = candidate(correct_but(0, 100), "2"), candidate(correct_but(0, 50))
    assert judge(worse, champion, bound).outcome == "worse"
    assert len(losses(worse, champion, bound)) == 1
    assert losses(champion, worse, bound) == []
