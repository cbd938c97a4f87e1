"""The gate for several labels: mAP by a paired bootstrap, and minimums of its own."""

import json
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from darkroom.registry.candidate import Candidate, class_recalls, not_comparable
from darkroom.registry.gate import judge
from darkroom.registry.paired_test import PairedPrecision, paired_precision
from darkroom.registry.verdicts import read_verdict
from tests.helpers.gate import GATE, candidate
from tests.helpers.label_sets import scored

CLASSES = ("a", "b", "c", "d", "e")


def of_sets(noise: float, version: str, **changes: Any) -> Candidate:
    """Return a candidate of several labels whose scores have so much noise."""
    scores, labels = scored(count=250)
    random = np.random.default_rng(int(version))
    p = np.clip(scores + random.normal(0, noise, scores.shape), 0, 1).astype(np.float32)
    fields: dict[str, Any] = {
        "version": version,
        "test_sha256": "a" * 64,
        "classes": CLASSES,
        "labels": labels,
        "predictions": p > 0.5,
        "calibration_error": 0.02,
        "milliseconds": 3.0,
        "probabilities": p,
    }
    return Candidate(**fields | changes)


LOOSE = GATE.model_copy(update={"min_accuracy": 0.0, "min_class_recall": 0.0})


def test_a_higher_map_beyond_chance_is_promoted() -> None:
    better, worse = of_sets(0.01, "2"), of_sets(0.6, "1")
    verdict = judge(better, worse, LOOSE)
    assert (verdict.promoted, verdict.outcome) == (True, "better")
    assert "points of test mAP against version 1" in verdict.words
    assert isinstance(verdict.paired, PairedPrecision)
    assert verdict.paired.low > 0
    assert judge(worse, better, LOOSE).outcome == "worse"
    assert judge(of_sets(0.01, "3"), better, LOOSE).outcome == "no better"


def test_the_same_predictions_are_equal() -> None:
    one = of_sets(0.1, "1")
    assert judge(one, one, LOOSE).outcome == "equal"


def test_the_minimum_of_map_and_of_recall_are_kept() -> None:
    strict = LOOSE.model_copy(update={"min_average_precision": 0.99, "min_class_recall": 0.999})
    verdict = judge(of_sets(0.3, "1"), None, strict)
    assert not verdict.promoted
    assert "is below gate.min_average_precision 0.99" in verdict.words
    assert "of class" in verdict.words
    assert "mAP" in judge(of_sets(0.3, "1"), None, LOOSE).words


def test_a_model_of_one_label_passes_the_minimum_of_map() -> None:
    strict = GATE.model_copy(update={"min_average_precision": 0.99})
    assert judge(candidate(np.arange(1000) > 50), None, strict).promoted


def test_recalls_are_those_of_the_labels_that_images_have() -> None:
    one = of_sets(0.1, "1")
    recalls = class_recalls(one)
    for number, name in enumerate(CLASSES):
        there = one.labels[:, number] == 1
        assert recalls[name] == pytest.approx(one.predictions[there, number].mean())


def test_one_label_and_several_are_not_compared() -> None:
    reason = not_comparable(
        of_sets(0.1, "1", classes=("cat", "dog")), candidate(np.ones(1000, dtype=bool), "2")
    )
    assert reason == "one of the two gives an image one label, and the other several"


def test_other_images_are_refused() -> None:
    one = of_sets(0.1, "1")
    with pytest.raises(ValueError, match="not of the same images"):
        paired_precision(one, of_sets(0.1, "2", labels=1 - one.labels))


def test_a_kept_verdict_is_read_back_with_its_measure() -> None:
    verdict = judge(of_sets(0.01, "2"), of_sets(0.6, "1"), LOOSE)
    version: Any = SimpleNamespace(tags={"verdict": json.dumps(asdict(verdict))})
    assert read_verdict(version) == verdict


def test_a_higher_map_does_not_pay_for_a_label_whose_recall_falls() -> None:
    better, champion = of_sets(0.01, "2"), of_sets(0.6, "1")
    decided = champion.predictions.copy()
    there = np.flatnonzero(champion.labels[:, 3] == 1)
    decided[:] = champion.labels == 1  # the champion finds every label, the challenger one of them no more
    keen = of_sets(0.6, "1", predictions=decided)
    missing = (better.labels == 1).copy()
    missing[there[: len(there) // 2], 3] = False
    challenger = of_sets(0.01, "2", predictions=missing)
    assert judge(challenger, keen, LOOSE).promoted
    bound = LOOSE.model_copy(update={"max_recall_fall": 0.2})
    verdict = judge(challenger, keen, bound)
    assert (verdict.promoted, verdict.outcome) == (False, "a recall fell")
    share = 1 - (len(there) // 2) / len(there)
    assert f"recall of class d falls from 1.0000 to {share:.4f} on {len(there)} test images" in verdict.words
    version: Any = SimpleNamespace(tags={"verdict": json.dumps(asdict(verdict))})
    assert read_verdict(version) == verdict
