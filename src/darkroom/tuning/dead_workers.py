"""Trials whose worker has died: found, and released for another worker."""

import time
from contextlib import suppress
from pathlib import Path

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from darkroom.tuning.requeueing import requeue
from darkroom.tuning.storage import one_at_a_time, sqlite_file
from darkroom.tuning.worker_locks import dead_workers


def release_dead(study: optuna.Study, locks: Path, *, dead_after: float) -> None:
    """Queue again the trials whose worker has died.

    For workers of this machine their locks in the folder `locks` decide; for others the heartbeat, which
    may be missing for `dead_after` seconds.
    """
    optuna.storages.fail_stale_trials(study)  # its callback queues them again
    dead = dead_workers(locks)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        worker = trial.user_attrs.get("worker")
        if worker in dead or (worker is None and _is_lost(study, trial, dead_after)):
            with suppress(ValueError, UpdateFinishedTrialError):  # another worker was first
                study.tell(trial.number, state=TrialState.FAIL)
                requeue(study, trial)


_unnamed_since: dict[
    tuple[str, int], float
] = {}  # by study and trial, when it was first seen without a worker


def _is_lost(study: optuna.Study, trial: FrozenTrial, dead_after: float) -> bool:
    """Return whether the worker of a trial was killed before it could write its name to the trial."""
    if sqlite_file(study) is not None:
        with one_at_a_time(study):  # a living worker writes its name before it ends its turn
            return "worker" not in study.get_trials(deepcopy=False)[trial.number].user_attrs
    now = time.time()
    return now - _unnamed_since.setdefault((study.study_name, trial.number), now) > dead_after
