"""A trial whose worker died or was stopped is queued again, with the epochs it reported."""

import logging
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from darkroom.tuning.trial_states import MAX_DEATHS, deaths_of, fatal_epoch, state_of

log = logging.getLogger(__name__)

OF_ONE_WORKER = {"worker", "began", "ended", "stopped"}  # attributes that the next worker sets anew


def requeue(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queue a trial whose worker died or was stopped as a new trial, with its values and reported epochs.

    After `MAX_DEATHS` deaths in the same epoch it is given up: the trial itself may kill its workers.
    """
    if deaths_of(trial) >= MAX_DEATHS:
        log.warning("trial %s is given up: %s", trial.number, fatal_epoch(trial))
        return
    study.add_trial(
        optuna.trial.create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={key: value for key, value in trial.user_attrs.items() if key not in OF_ONE_WORKER}
            | {
                "first": trial.user_attrs.get("first", trial.number),
                "after": trial.number,
                "deaths": deaths_of(trial),
                "epochs_before": len(trial.intermediate_values),
            },
            system_attrs=trial.system_attrs,  # the pruner's rungs, and values that were fixed
            intermediate_values=trial.intermediate_values,
        )
    )


def requeue_lost(study: optuna.Study) -> None:
    """Queue killed trials again that have no successor.

    A worker marks a dead one's trial as failed and then queues it; it may be killed between the two.
    """
    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        if state_of(trial, trials) == "killed" and not _has_successor(trial, trials):
            requeue(study, trial)


def _has_successor(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> bool:
    return any(other.user_attrs.get("after") == trial.number for other in trials[trial.number :])
