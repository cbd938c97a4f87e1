"""Which workers live, and whose trials must be queued again."""

import fcntl
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from darkroom.tuning.requeueing import log, requeue
from darkroom.tuning.storage import one_at_a_time, sqlite_file


def release_dead(study: optuna.Study, folder: Path, *, dead_after: float) -> None:
    """Queue the trials again whose workers have died.

    Of this folder's workers the locks tell; of others the heartbeat, after `dead_after` seconds without.
    """
    optuna.storages.fail_stale_trials(study)  # its callback queues them again
    dead = {path.name for path in (folder / "workers").glob("*") if _died(path)}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        worker = trial.user_attrs.get("worker")
        if worker in dead or (worker is None and _is_lost(study, trial, dead_after)):
            with suppress(ValueError, UpdateFinishedTrialError):  # another worker was first
                study.tell(trial.number, state=TrialState.FAIL)
                requeue(study, trial)


_nameless: dict[tuple[str, int], float] = {}  # when a running trial without a worker was seen first


def _is_lost(study: optuna.Study, trial: FrozenTrial, dead_after: float) -> bool:
    """Say whether the worker of a trial without a name was killed before it could write its own."""
    if sqlite_file(study) is not None:
        with one_at_a_time(study):  # who lives has written its name before it ends its turn
            return "worker" not in study.get_trials(deepcopy=False)[trial.number].user_attrs
    now = time.time()
    return now - _nameless.setdefault((study.study_name, trial.number), now) > dead_after


@contextmanager
def worker_lock(workers: Path) -> Iterator[str]:
    """Hold a lock for the block and yield its name; the system lets it go when the process dies."""
    workers.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    with open(workers / name, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield name


def _died(lock: Path) -> bool:
    try:
        with open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
    return True


@contextmanager
def heartbeat(study: optuna.Study, trial: optuna.Trial) -> Iterator[None]:
    """Give signs of life for a trial while the block runs."""
    storage = study._storage
    assert isinstance(storage, optuna.storages._heartbeat.BaseHeartbeat)
    interval, stop = storage.get_heartbeat_interval(), threading.Event()

    def beat() -> None:
        while not stop.wait(interval):
            try:
                record_heartbeat(study, trial)
            except optuna.exceptions.StorageInternalError as error:
                log.warning("no sign of life could be given for trial %s: %s", trial.number, error)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def record_heartbeat(study: optuna.Study, trial: optuna.Trial) -> None:
    """Give one sign of life for a trial."""
    storage = study._storage
    assert isinstance(storage, optuna.storages._heartbeat.BaseHeartbeat)
    storage.record_heartbeat(trial._trial_id)
