"""Fine-tuning within a bound: planned from step times, kept by a run that goes on, on time when slowed."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from darkroom.config.loading import override
from darkroom.models.backbones.net import BackboneNet
from darkroom.training import step_times
from darkroom.training.history import Epoch
from darkroom.training.loop import fit
from darkroom.training.minutes import (
    Plan,
    Way,
    kept_plan,
    out_of_time,
    plan_minutes,
    planned,
    step_seconds,
)
from darkroom.training.start import model_config, new_classifier
from darkroom.training.step_times import measured_ways
from tests.helpers.backbones import backbone_classifier, backbone_params, coloured, random_weights
from tests.helpers.training import digits_splits, tiny_params

CPU = torch.device("cpu")
ADAM = {"optimizer": "adam", "learning_rate": 0.002, "batch_size": 8, "epochs": 12}
WAYS = [Way("all", 0.0, 90.0), Way("last", 30.0, 10.0)]
pytestmark = pytest.mark.usefixtures("one_thread")


class Clock:
    """A clock that stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def takes(self, *seconds: float) -> Callable[[], None]:
        """Return a step that takes these seconds, one after the other, and then the last again."""
        left = list(seconds)

        def step() -> None:
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return step


def test_a_step_is_the_median_after_one_that_warms_up() -> None:
    clock = Clock()
    assert step_seconds(clock.takes(50.0, 2.0, 9.0, 3.0), clock=clock) == 3.0


@pytest.mark.parametrize(
    ("seconds", "slowed", "expected"),
    [
        (3600.0, 1.0, ("all", 12)),
        (400.0, 1.0, ("all", 4)),
        (180.0, 1.0, ("last", 12)),
        (400.0, 4.0, ("last", 7)),  # the same time on a machine that takes four times as long
        (180.0, 4.0, ("none", 0)),
    ],
)
def test_what_is_trained_depends_on_the_time_that_steps_take(
    seconds: float, slowed: float, expected: tuple[str, int]
) -> None:
    ways = [replace(way, preparation=slowed * way.preparation, epoch=slowed * way.epoch) for way in WAYS]
    plan = plan_minutes(ways, seconds=seconds, epochs=12)
    assert (plan.name, plan.epochs) == expected
    assert all(
        f"{way.epoch:.0f} s for an epoch" in reason for way, reason in zip(ways, plan.reasons, strict=False)
    )


def test_fewer_than_three_epochs_are_planned_where_fewer_are_asked_for() -> None:
    assert plan_minutes(WAYS, seconds=95, epochs=1) == Plan(
        "all",
        1,
        ("all: 95 s are left, 0 s are for preparation and 90 s for an epoch: 1 of 1 epochs fit",),
    )


def test_a_training_on_a_machine_that_was_slowed_ends_on_time() -> None:
    clock, (train, validation, meta) = Clock(), digits_splits()
    slow = clock.takes(10.0, 10.0, 30.0, 30.0)

    def trained(until: float) -> list[Epoch]:
        clock.now = 0.0
        params = tiny_params({"train": {"epochs": 6, "hardest_share": 0.2}})
        classifier = new_classifier(model_config(params, meta), train, seed=0)
        how: dict[str, Any] = {"params": params, "device": CPU, "precision": torch.float32}
        over = out_of_time(until, clock=clock)
        return fit(classifier, train, validation, **how, enough=over, on_epoch=lambda epoch: slow()).history

    history = trained(60.0)
    assert (len(history), clock.now) == (3, 50.0), "a fourth would end after 80 s"


def test_a_run_that_goes_on_keeps_its_plan(tmp_path: Path) -> None:
    first = kept_plan(tmp_path, lambda: plan_minutes(WAYS, seconds=180, epochs=12))

    def not_again() -> Plan:
        raise AssertionError("it was planned again")

    assert kept_plan(tmp_path, not_again) == first
    params = override(backbone_params(**ADAM), {"model": {"tune_backbone": "all"}, "train": {"minutes": 3}})
    done = planned(params, first)
    assert (done.model.tune_backbone, done.train.epochs, done.train.minutes) == ("last", 12, 0)
    assert planned(params, Plan("none", 0, ())).model.tune_backbone == "none"


def test_a_bound_without_fine_tuning_is_refused() -> None:
    with pytest.raises(ValueError, match=r"bounds fine-tuning alone.*set train\.minutes=0"):
        override(backbone_params(), {"train": {"minutes": 3}})


@pytest.mark.integration
def test_epochs_of_fewer_or_smaller_images_count_as_what_they_compute(tmp_path: Path) -> None:
    classifier, _ = backbone_classifier(random_weights(tmp_path), coloured(3))
    now = count()

    def ways(**train: Any) -> list[Way]:
        given = {**ADAM, "epochs": 4, "batch_size": 4, "low_resolutions": [], "hardest_share": 1.0, **train}
        params = override(backbone_params(**given), {"model": {"tune_backbone": "all"}})
        how: dict[str, Any] = {"params": params, "device": CPU, "precision": torch.float32}
        # each step lasts one tick, so that an image costs an eighth of it
        return measured_ways(classifier, coloured(16), coloured(6), **how, clock=lambda: next(now))[0]

    assert [way.epoch * 8 for way in ways()] == pytest.approx([16 + 6, 16 + 2])
    assert [way.epoch * 8 for way in ways(hardest_share=0.5)] == pytest.approx([8 + 6, 8 + 2])
    # of 32 pixels: two epochs of a quarter of them; maps stay as they are
    small = ways(low_resolutions=[16, 16])
    assert [way.epoch * 8 for way in small] == pytest.approx([(4 + 4 + 16 + 16) / 4 + 6, 16 + 2])


@pytest.mark.integration
def test_ways_are_measured_by_steps_of_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    costs = {"_forward": 1.0, "_backward": 8.0}
    for name, cost in costs.items():
        given = getattr(step_times, name)

        def slow(*args: Any, given: Any = given, cost: float = cost, **how: Any) -> Any:
            clock.now += cost
            return given(*args, **how)

        monkeypatch.setattr(step_times, name, slow)
    classifier, _ = backbone_classifier(random_weights(tmp_path), coloured(3))
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    params = override(backbone_params(**ADAM), {"model": {"tune_backbone": "all"}})
    split: dict[str, Any] = {"params": params, "device": CPU, "precision": torch.float32}
    ways, after = measured_ways(classifier, coloured(16), coloured(6), **split, clock=clock)
    assert [way.name for way in ways] == ["all", "last"]
    # of 8 images a forward pass takes 1 s; a backward pass 8, and the forward pass in it 1
    forward, backward = 1 / 8, 9 / 8
    assert ways[0].epoch == pytest.approx(16 * backward + 6 * forward)
    assert (ways[1].preparation, ways[1].epoch) == pytest.approx((22 * forward, (16 + 2) * backward))
    assert after == pytest.approx(3 * 6 * forward)
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert isinstance(classifier.net, BackboneNet)
    assert not any(weight.requires_grad for weight in classifier.net.trunk.parameters())
