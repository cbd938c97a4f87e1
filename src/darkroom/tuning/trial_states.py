"""The states of trials as reports name them, and why trials ended early."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

MAX_DEATHS = 3  # of workers in the same epoch of a trial, after which it is given up


def state_of(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> str | None:
    """Return complete, pruned, running, failed or killed; None for a trial that never began.

    A killed trial is one whose worker died or was stopped, and that another trial continues.
    """
    if trial.state == TrialState.WAITING or "surplus" in trial.user_attrs:
        return None
    if trial.state == TrialState.FAIL:
        failed = "reason" in trial.user_attrs or deaths_of(trial) >= MAX_DEATHS
        return "failed" if failed else "killed"
    return trial.state.name.lower()


def reason_of(trial: FrozenTrial) -> str:
    """Return why a trial ended early; "" if it did not."""
    if trial.state == TrialState.PRUNED:
        return f"stopped after epoch {trial.last_step}"
    if trial.state == TrialState.FAIL:
        if "stopped" in trial.user_attrs:
            return f"its worker was stopped by {trial.user_attrs['stopped']}"
        died = fatal_epoch(trial) if deaths_of(trial) >= MAX_DEATHS else "its worker died"
        return str(trial.user_attrs.get("reason", died))
    return ""


def fatal_epoch(trial: FrozenTrial) -> str:
    """Return a sentence with the epoch in which the trial's workers died."""
    return f"{MAX_DEATHS} workers died in epoch {len(trial.intermediate_values) + 1}"


def deaths_of(trial: FrozenTrial) -> int:
    """Count the workers that died in the trial's last epoch, including its own unless that was stopped."""
    own = 0 if "stopped" in trial.user_attrs else 1
    if len(trial.intermediate_values) > trial.user_attrs.get("epochs_before", 0):
        return own
    return int(trial.user_attrs.get("deaths", 0)) + own


def continues_another(trial: FrozenTrial) -> bool:
    """Return whether the trial continues one whose worker died."""
    return "first" in trial.user_attrs


def count_states(trials: Sequence[FrozenTrial], *states: TrialState) -> int:
    """Count the trials in any of Optuna's states."""
    return sum(trial.state in states for trial in trials)


def count_failed(trials: Sequence[FrozenTrial]) -> int:
    """Count the trials that failed because of their values."""
    return sum(state_of(trial, trials) == "failed" for trial in trials)
