"""An ensemble is kept where it beats its best member beyond chance, and only there."""

import numpy as np
import pytest
from torch import nn

from darkroom.models.networks.net import Net
from darkroom.training.ensembles import selection
from darkroom.training.ensembles.choice import choose, described, summary, verdict_line
from darkroom.training.ensembles.members import Member, calibrated

IMAGES = 120


@pytest.fixture(autouse=True)
def few_bags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "BAGS", 3)


class Nothing(Net):
    def last_layer(self) -> nn.Linear:
        return nn.Linear(1, 3)


def member(name: str, wrong: range, labels: np.ndarray) -> Member:
    """Return a member that is sure of the class of each image, but wrong and less sure of some."""
    logits = 4.0 * np.eye(3)[labels]
    logits[list(wrong)] = 1.0 * np.eye(3)[(labels[list(wrong)] + 1) % 3]
    return calibrated(name, {}, Nothing(), logits[None].astype(np.float32), labels)


def test_members_with_other_faults_are_kept_together() -> None:
    labels = np.arange(IMAGES) % 3
    several = [member(name, range(at, at + 16), labels) for name, at in (("a", 0), ("b", 40), ("c", 80))]
    choice = choose(several, labels, seed=0)
    assert choice.kept
    assert choice.p_value <= 0.05
    assert choice.accuracy > max(choice.accuracies)
    assert choice.loss < min(choice.losses)
    assert next(about["name"] for about in described(choice)) in {"a", "b", "c"}
    assert sum(about["share"] for about in described(choice)) == 1
    assert "the ensemble is kept" in verdict_line(choice)


def test_members_with_the_same_faults_are_not() -> None:
    labels = np.arange(IMAGES) % 3
    alike = [member(name, range(0, end), labels) for name, end in (("a", 17), ("b", 18))]
    choice = choose(alike, labels, seed=0)
    assert not choice.kept
    assert summary(choice)["ensemble"]["best_member"] == "a"
    assert "does not pay" in verdict_line(choice)
