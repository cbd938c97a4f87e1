"""The states of a study's trials, and how many there are of each."""

import time
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

DEATHS = 3  # of workers in the same epoch of a trial, after which it is not tried again


def is_over(study: optuna.Study) -> bool:
    """Say whether no more trials will begin and none is under way that counts."""
    trials, total = study.get_trials(deepcopy=False), study.user_attrs["budget"]["trials"]
    if (
        count_states(trials, TrialState.COMPLETE, TrialState.PRUNED) >= total
        or count_failures(trials) >= total
    ):
        return True
    if time_left(study, trials):
        return False
    return not any(
        trial.state == TrialState.RUNNING or (trial.state == TrialState.WAITING and goes_on(trial))
        for trial in trials
    )


def finished_trials(study: optuna.Study) -> int:
    """Count the trials that ran to their end or were pruned."""
    return count_states(study.get_trials(deepcopy=False), TrialState.COMPLETE, TrialState.PRUNED)


def searched_seconds(study: optuna.Study) -> float:
    """Return for how many seconds at least one trial was under way, over all workers and runs."""
    return seconds_searched(study.get_trials(deepcopy=False))


def deaths_of(trial: FrozenTrial) -> int:
    """Count the workers that died in the trial's last epoch, this one's among them."""
    if len(trial.intermediate_values) > trial.user_attrs.get("epochs_before", 0):
        return 1
    return int(trial.user_attrs.get("deaths", 0)) + 1


def goes_on(trial: FrozenTrial) -> bool:
    """Say whether a trial goes on with one whose worker died."""
    return "first" in trial.user_attrs


def counts_for_total(trial: FrozenTrial) -> bool:
    """Say whether a trial is, or may become, one of the study's total."""
    return trial.state != TrialState.FAIL


def count_states(trials: Sequence[FrozenTrial], *states: TrialState) -> int:
    """Count the trials in any of the states."""
    return sum(trial.state in states for trial in trials)


def count_failures(trials: Sequence[FrozenTrial]) -> int:
    """Count the trials that failed."""
    return sum(state_of(trial, trials) == "failed" for trial in trials)


def state_of(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> str | None:
    """Return complete, pruned, running, failed or killed; None for one that never began."""
    if trial.state == TrialState.WAITING or "surplus" in trial.user_attrs:
        return None
    if trial.state == TrialState.FAIL:
        failed = "reason" in trial.user_attrs or deaths_of(trial) >= DEATHS
        return "failed" if failed else "killed"
    return trial.state.name.lower()


def reason_of(trial: FrozenTrial) -> str:
    """Say why a trial ended before its time; "" where it did not."""
    if trial.state == TrialState.PRUNED:
        return f"stopped after epoch {trial.last_step}"
    if trial.state == TrialState.FAIL:
        died = died_in_epoch(trial) if deaths_of(trial) >= DEATHS else "its worker died"
        return str(trial.user_attrs.get("reason", died))
    return ""


def died_in_epoch(trial: FrozenTrial) -> str:
    """Say in which epoch of a trial its workers died."""
    return f"{DEATHS} workers died in epoch {len(trial.intermediate_values) + 1}"


def time_left(study: optuna.Study, trials: Sequence[FrozenTrial]) -> bool:
    """Say whether the budget has time for another trial."""
    seconds = study.user_attrs["budget"]["seconds"]
    return not seconds or seconds_searched(trials) < seconds


def seconds_searched(trials: Sequence[FrozenTrial]) -> float:
    """Return for how many seconds at least one of the trials was under way."""
    spans = sorted(
        (began, time.time() if trial.state == TrialState.RUNNING else trial.user_attrs.get("ended", began))
        for trial in trials
        if (began := trial.user_attrs.get("began"))
    )
    seconds, until = 0.0, 0.0
    for began, ended in spans:  # where they overlap they count once
        seconds += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return seconds
