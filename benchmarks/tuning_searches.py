"""The searches of the tuning benchmark, on one core each: random trials, and the tuner of params.yaml."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import optuna

from benchmarks.recipe import params_of_search
from darkroom.config import Params, override, read_yaml
from darkroom.config.trees import merge
from darkroom.data.splits import Split, open_split, read_meta
from darkroom.models.hardware import choose_device, choose_precision
from darkroom.training.history import Epoch, TrainingError
from darkroom.training.resolution import shrink_split
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.errors import Pruned
from darkroom.tuning.space import nested, suggest
from darkroom.tuning.study import open_study
from darkroom.tuning.trial_loop import run_trials
from darkroom.tuning.trial_training import Compute, TrialData, train_trial
from pipeline import DATA

RECIPE = Path(__file__).with_name("tuning.yaml")
UNSEEN = 10_000  # of the last training images, for the winners alone
# by name, the parameters of `tune` that differ from params.yaml; --searches names those that are run
SEARCHES: dict[str, dict[str, Any]] = {
    f"{sampler}, {pruner}": {"sampler": sampler, "pruner": pruner}
    for sampler in ("tpe", "random")
    for pruner in ("asha", "hyperband", "median", "none")
}
POOL_SEED = 1000  # of the first trial of random search


@dataclass(frozen=True)
class Images:
    """The images of the benchmark: those of the trials, and those that no trial has seen."""

    trials: TrialData
    unseen: Split


class _BudgetSpentError(Exception):
    """A search has used its compute."""


def search_params(*, quick: bool, tune: Mapping[str, Any] | None = None) -> Params:
    """Return params.yaml with the benchmark's net, trials and space laid over it."""
    recipe = read_yaml(RECIPE)
    if quick:
        digits = {
            "data": {"name": "digits"},
            "model": {"widths": [8, 8], "views": 1},
            "augment": {"flip": "none"},
            "tune": {"epochs": 3, "images": 200, "resolution": 0, "startup_trials": 2},
        }
        recipe = merge(recipe, digits)
    return params_of_search(merge(recipe, {"tune": {"workers": 1, **(tune or {})}}))


def default_search(*, quick: bool) -> str:
    """Return the name of the search that params.yaml names."""
    tune = search_params(quick=quick).tune
    return f"{tune.sampler}, {tune.pruner}"


@cache
def images(*, quick: bool) -> Images:
    """Return the images of CIFAR-10; with `quick` those of the digits."""
    tune = search_params(quick=quick).tune
    if quick:
        from tests.helpers.training import digits_splits

        train, validation, meta = digits_splits()
        unseen = Split(train.images[-300:], train.labels[-300:])
        return Images(TrialData(train.first(tune.images), validation.first(200), meta), unseen)
    train, validation = open_split(DATA / "train"), open_split(DATA / "validation")
    unseen = Split(train.images[-UNSEEN:], train.labels[-UNSEEN:])
    parts = [shrink_split(split, tune.resolution) for split in (train.first(tune.images), validation, unseen)]
    return Images(TrialData(parts[0], parts[1], read_meta(DATA / "meta.json")), parts[2])


def one_core(params: Params) -> Compute:
    """Return the compute of every training here: the CPU, in the precision of `params`."""
    device, _ = choose_device("cpu")
    return Compute(device, choose_precision(params.train.precision, device)[0])


def random_trial(number: int, *, quick: bool) -> dict[str, Any]:
    """Draw a trial at random and train it for all epochs; return its values and its accuracy after each."""
    params = search_params(quick=quick)
    drawn = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=POOL_SEED + number)).ask()
    values = suggest(drawn, params.tune.space)
    curve: list[float] = []
    try:
        train_trial(
            override(params, nested(values)),
            images(quick=quick).trials,
            one_core(params),
            on_epoch=lambda epoch: curve.append(epoch.validation_accuracy or 0.0),
        )
    except TrainingError as error:
        return {"number": number, "values": values, "curve": curve, "failed": str(error)}
    return {"number": number, "values": values, "curve": curve}


def search(name: str, *, seed: int, budget: float, quick: bool) -> list[dict[str, Any]]:
    """Search with the project's engine until it has used the compute of `budget` full trials.

    Return the trials in their order, each with its values, state, and accuracy after each epoch.
    """
    params = search_params(
        quick=quick, tune=SEARCHES[name] | {"trials": 1_000_000, "minutes": 0, "workers": 1}
    )
    params = override(params, {"seed": seed})
    data, compute = images(quick=quick).trials, one_core(params)
    trials: list[dict[str, Any]] = []

    def objective(changed: Params, attempt: Attempt) -> float:
        trial: dict[str, Any] = {"values": dict(attempt.values), "state": "failed", "curve": []}
        trials.append(trial)

        def on_epoch(epoch: Epoch) -> None:
            trial["curve"].append(epoch.validation_accuracy)
            attempt.report(epoch)

        try:
            # the net and the order of the images are those of the random trials: seed 0
            train_trial(override(changed, {"seed": 0}), data, compute, on_epoch=on_epoch)
        except Pruned:
            trial["state"] = "pruned"
            raise
        trial["state"] = "complete"
        return float(max(trial["curve"]))

    def on_trial(first: int) -> None:
        if sum(len(trial["curve"]) for trial in trials) >= budget * params.tune.epochs:
            raise _BudgetSpentError

    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        study = open_study(f"sqlite:///{scratch}/study.db", f"seed-{seed}", params=params)
        try:
            run_trials(study, params=params, objective=objective, folder=Path(scratch), on_trial=on_trial)
        except _BudgetSpentError:
            return trials
    raise RuntimeError(f"the search ended after {len(trials)} trials, before its compute was used")


def train_winner(values: Mapping[str, Any], *, seed: int, quick: bool) -> float:
    """Train with the values of a winner and another seed; return the accuracy on the unseen images."""
    params = override(search_params(quick=quick), merge(nested(values), {"seed": seed}))
    data = images(quick=quick)
    curve: list[float] = []
    train_trial(
        params,
        replace(data.trials, validation=data.unseen),
        one_core(params),
        on_epoch=lambda epoch: curve.append(epoch.validation_accuracy or 0.0),
    )
    return curve[-1]
