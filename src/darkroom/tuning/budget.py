"""The budget of a study: how many trials and how much time it may use, and what it has used.

The budget is an attribute of the study, so that workers elsewhere stop when its owner's params.yaml says.
"""

import time
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from darkroom.config.tune import Tune
from darkroom.tuning.trial_states import continues_another, count_failed, count_states


def set_budget(study: optuna.Study, tune: Tune) -> None:
    """Give the study `tune.trials` trials and `tune.minutes` minutes in all; 0 minutes have no limit."""
    study.set_user_attr("budget", {"trials": tune.trials, "seconds": 60 * tune.minutes})


def trials_allowed(study: optuna.Study) -> int:
    """Return how many trials the study may finish in all."""
    return int(study.user_attrs["budget"]["trials"])


def finished_trials(study: optuna.Study) -> int:
    """Count the trials that completed or were pruned."""
    return count_states(study.get_trials(deepcopy=False), TrialState.COMPLETE, TrialState.PRUNED)


def progress_text(study: optuna.Study) -> str:
    """Return how far the study is, as `with 3 of 12 trials finished`."""
    return f"with {finished_trials(study)} of {trials_allowed(study)} trials finished"


def counts_for_total(trial: FrozenTrial) -> bool:
    """Return whether a trial is, or may become, one of the study's total."""
    return trial.state != TrialState.FAIL


def is_over(study: optuna.Study) -> bool:
    """Return whether no more trials will start and none that counts is running.

    A study is also over once as many trials have failed as it may finish.
    """
    trials, total = study.get_trials(deepcopy=False), trials_allowed(study)
    if count_states(trials, TrialState.COMPLETE, TrialState.PRUNED) >= total or count_failed(trials) >= total:
        return True
    if has_time_left(study, trials):
        return False
    return not any(
        trial.state == TrialState.RUNNING or (trial.state == TrialState.WAITING and continues_another(trial))
        for trial in trials
    )


def has_time_left(study: optuna.Study, trials: Sequence[FrozenTrial]) -> bool:
    """Return whether the budget has time for another trial."""
    seconds = study.user_attrs["budget"]["seconds"]
    return not seconds or busy_seconds(trials) < seconds


def searched_seconds(study: optuna.Study) -> float:
    """Return for how many seconds at least one trial was running, over all workers and runs."""
    return busy_seconds(study.get_trials(deepcopy=False))


def busy_seconds(trials: Sequence[FrozenTrial]) -> float:
    """Return for how many seconds at least one of the trials was running."""
    spans = sorted(
        (began, time.time() if trial.state == TrialState.RUNNING else trial.user_attrs.get("ended", began))
        for trial in trials
        if (began := trial.user_attrs.get("began"))
    )
    seconds, until = 0.0, 0.0
    for began, ended in spans:  # overlapping spans count once
        seconds += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return seconds
