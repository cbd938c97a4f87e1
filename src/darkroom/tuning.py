"""The door to Optuna: a study over params.yaml's space, on training and validation pictures only."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from darkroom.params import Choices, Params, Range, Space, flatten, override
from darkroom.training import Epoch, TrainingError

log = logging.getLogger(__name__)

Objective = Callable[[Params, Callable[[Epoch], None]], float]
"""Trains with the params given, calls back after each epoch, returns the validation accuracy."""


def open_study(storage: Path, *, seed: int, startup_trials: int) -> optuna.Study:
    """Open the study kept in the sqlite file `storage`, or begin it.

    Trials a killed process left running are marked as failed, so that the count of finished ones is right.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{storage}", study_name="darkroom", direction="maximize", load_if_exists=True
    )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    # the same seed again would suggest the same points again: it moves on with the trials
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials), n_startup_trials=startup_trials)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=startup_trials)
    return study


def run_study(
    study: optuna.Study,
    *,
    params: Params,
    trials: int,
    objective: Objective,
    open_trial: Callable[[int, dict[str, Any]], AbstractContextManager[Any]],
    on_pruned: Callable[[], None] = lambda: None,
) -> None:
    """Run the study up to `trials` finished ones in all; the first tries `params` as they are.

    A value of `params` outside of the space is left to the sampler. A trial that diverges is marked as
    failed, and another one made for it, up to as many as `trials`. `open_trial(number, values)` surrounds
    each trial; `on_pruned` is called inside it. Raises ValueError when not one trial of the study came to
    its end.
    """
    begun = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.WAITING)
    if not study.get_trials(deepcopy=False, states=begun):  # also after a kill in the first
        study.enqueue_trial(_defaults(params))

    def run(trial: optuna.Trial) -> float:
        changes = suggest(trial, params.tune.space)
        with open_trial(trial.number, trial.params):

            def report(epoch: Epoch) -> None:
                assert epoch.validation_accuracy is not None, "trials have validation pictures"
                trial.report(epoch.validation_accuracy, epoch.epoch)
                if trial.should_prune():
                    on_pruned()
                    raise optuna.TrialPruned(f"after epoch {epoch.epoch}")

            return objective(override(params, changes), report)

    for _ in range(2 * trials):
        if finished_trials(study) >= trials:
            break
        study.optimize(run, n_trials=1, catch=(TrainingError,))
    if trials and not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        raise ValueError(
            f"none of {len(study.trials)} trials came to its end: widen tune.space or raise tune.trials"
        )


def finished_trials(study: optuna.Study) -> int:
    """Count the trials that ran to their end or were pruned."""
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def suggest(trial: optuna.Trial, space: Space) -> dict[str, dict[str, Any]]:
    """Return the trial's values as a tree of the params."""
    changes: dict[str, dict[str, Any]] = {}
    for name, leaf in _leaves(space).items():
        group, key = name.split(".")
        changes.setdefault(group, {})[key] = _suggest_leaf(trial, name, leaf)
    return changes


def best_values(study: optuna.Study) -> dict[str, dict[str, Any]]:
    """Return the best trial's values as a tree of the params, which training lays over the defaults."""
    best: dict[str, dict[str, Any]] = {}
    for name, value in study.best_params.items():
        group, key = name.split(".")
        best.setdefault(group, {})[key] = value
    return best


def trials_table(study: optuna.Study) -> pd.DataFrame:
    """Return a row a trial: number, state, validation accuracy, epochs, seconds and the values tried."""
    return pd.DataFrame([_trial_row(trial) for trial in study.get_trials(deepcopy=False)])


def _trial_row(trial: FrozenTrial) -> dict[str, Any]:
    last = trial.intermediate_values.get(trial.last_step) if trial.last_step is not None else None
    return {
        "trial": trial.number,
        "state": trial.state.name.lower(),
        "validation_accuracy": trial.value if trial.value is not None else last,
        "epochs": len(trial.intermediate_values),
        "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else None,
        **trial.params,
    }


def _defaults(params: Params) -> dict[str, Any]:
    """Return the values of `params` that lie in the space; Optuna refuses a choice that is none."""
    values, defaults = flatten(params.model_dump()), {}
    for name, leaf in _leaves(params.tune.space).items():
        value = values[name]
        if value in leaf.choices if isinstance(leaf, Choices) else leaf.low <= value <= leaf.high:
            defaults[name] = value
        else:
            log.warning("%s=%s is outside of tune.space: the first trial takes another", name, value)
    return defaults


def _leaves(space: Space) -> dict[str, Range | Choices]:
    return {f"{group}.{name}": leaf for group, leaves in space.items() for name, leaf in leaves.items()}


def _suggest_leaf(trial: optuna.Trial, name: str, leaf: Range | Choices) -> Any:
    if isinstance(leaf, Choices):
        return trial.suggest_categorical(name, leaf.choices)
    if isinstance(leaf.low, int) and isinstance(leaf.high, int):
        return trial.suggest_int(name, leaf.low, leaf.high, log=leaf.log)
    return trial.suggest_float(name, leaf.low, leaf.high, log=leaf.log)
