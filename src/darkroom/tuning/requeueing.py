"""Trials whose worker died: queued again, with the epochs they reported."""

import logging
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from darkroom.tuning.trial_states import DEATHS, deaths_of, died_in_epoch, state_of

log = logging.getLogger(__name__)


def requeue(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queue a trial again whose worker died, with the epochs it reported.

    Not where workers die in the same epoch of it again and again: it may be the trial that kills them.
    """
    if deaths_of(trial) >= DEATHS:
        log.warning("trial %s is given up: %s", trial.number, died_in_epoch(trial))
        return
    mine = {"worker", "began", "ended"}
    study.add_trial(
        optuna.trial.create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={key: value for key, value in trial.user_attrs.items() if key not in mine}
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
    """Queue those again whose worker was found dead by one that died itself before it could do so."""
    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        if state_of(trial, trials) == "killed" and not _followed(trial, trials):
            requeue(study, trial)


def _followed(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> bool:
    return any(other.user_attrs.get("after") == trial.number for other in trials[trial.number :])
