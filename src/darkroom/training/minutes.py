"""A bound on the time of fine-tuning: what is trained, and for how many epochs, from measured step times."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from darkroom.config import Params
from darkroom.config.loading import override
from darkroom.files import read_json, write_json
from darkroom.training.history import Epoch

FEWEST_EPOCHS = 3  # of fewer, the rate falls before the weights have moved
MEASURED_STEPS = 3  # after one that warms up
Clock = Callable[[], float]


@dataclass(frozen=True)
class Way:
    """A way to fine-tune, and the time that it takes here.

    Attributes:
        name: what of the backbone is trained, as in model.tune_backbone.
        preparation: seconds before the first epoch.
        epoch: seconds of an epoch with its validation.
    """

    name: str
    preparation: float
    epoch: float


@dataclass(frozen=True)
class Plan:
    """What is trained.

    Attributes:
        name: what of the backbone, as in model.tune_backbone; none: there is no time for any of it.
        epochs: for how many.
        reasons: a sentence for each way that was looked at.
    """

    name: str
    epochs: int
    reasons: tuple[str, ...]


def plan_minutes(ways: Sequence[Way], *, seconds: float, epochs: int) -> Plan:
    """Return the first of `ways` of which at least three epochs, or all, fit into `seconds`.

    Args:
        ways: the one that is wanted most first.
        seconds: that are left.
        epochs: at most (train.epochs).

    >>> plan = plan_minutes([Way("all", 0, 90), Way("last", 30, 10)], seconds=180, epochs=12)
    >>> plan.name, plan.epochs
    ('last', 12)
    >>> for reason in plan.reasons:
    ...     print(reason)
    all: 180 s are left, 0 s are for preparation and 90 s for an epoch: 2 of 12 epochs fit, 3 are the fewest
    last: 180 s are left, 30 s are for preparation and 10 s for an epoch: 12 of 12 epochs fit
    """
    reasons: list[str] = []
    for way in ways:
        fewest, left = min(FEWEST_EPOCHS, epochs), seconds - way.preparation
        fitting = min(epochs, max(0, int(left / way.epoch))) if way.epoch > 0 else epochs
        reasons.append(
            f"{way.name}: {seconds:.0f} s are left, {way.preparation:.0f} s are for preparation and "
            f"{way.epoch:.0f} s for an epoch: {fitting} of {epochs} epochs fit"
            + (f", {fewest} are the fewest" if fitting < fewest else "")
        )
        if fitting >= fewest:
            return Plan(way.name, fitting, tuple(reasons))
    return Plan("none", 0, tuple(reasons))


def kept_plan(folder: Path, make: Callable[[], Plan]) -> Plan:
    """Return the plan in `folder`; where there is none, the one that `make` returns, and keep it there.

    So a run that goes on does what it had planned, and reads the same checkpoints.
    """
    path = folder / "plan.json"
    if path.is_file():
        tree = read_json(path)
        return Plan(tree["name"], tree["epochs"], tuple(tree["reasons"]))
    plan = make()
    write_json(path, asdict(plan))
    return plan


def planned(params: Params, plan: Plan) -> Params:
    """Return the parameters of a training by `plan`, without a bound of their own."""
    epochs = {"epochs": plan.epochs} if plan.epochs else {}
    changes = {"model": {"tune_backbone": plan.name}, "train": {"minutes": 0, **epochs}}
    return override(params, changes)


def summary(plan: Plan) -> dict[str, Any]:
    """Return what reports/train.json states of the plan."""
    return {"plan": {"tune_backbone": plan.name, "epochs": plan.epochs}}


def step_seconds(step: Callable[[], object], *, clock: Clock = time.perf_counter) -> float:
    """Return the seconds of `step`: the median of three after one that warms up."""
    step()
    times = []
    for _ in range(MEASURED_STEPS):
        began = clock()
        step()
        times.append(clock() - began)
    return sorted(times)[MEASURED_STEPS // 2]


def out_of_time(until: float, *, clock: Clock = time.perf_counter) -> Callable[[Sequence[Epoch]], bool]:
    """Return a function that says before each epoch whether it would end after `until` by the clock.

    It is taken to be as long as the longest so far. A machine that was slowed after the plan was made so ends
    on time, with fewer epochs than planned. The first epoch always begins.

    >>> now = [0.0]
    >>> over = out_of_time(100.0, clock=lambda: now[0])
    >>> answers = []
    >>> for now[0] in (0.0, 20.0, 55.0, 70.0):
    ...     answers.append(over([]))
    >>> answers
    [False, False, False, True]
    """
    asked: list[float] = []

    def over(history: Sequence[Epoch]) -> bool:
        asked.append(clock())
        longest = max((after - before for before, after in pairwise(asked)), default=0.0)
        return len(asked) > 1 and asked[-1] + longest > until

    return over
