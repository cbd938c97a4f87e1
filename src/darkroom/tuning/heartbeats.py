"""Heartbeats: how a worker shows to other machines that its trial is still running."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import optuna

log = logging.getLogger(__name__)


@contextmanager
def heartbeat(study: optuna.Study, trial: optuna.Trial) -> Iterator[None]:
    """Record a heartbeat of the trial regularly, in a thread, while the block runs."""
    storage = study._storage
    assert isinstance(storage, optuna.storages._heartbeat.BaseHeartbeat)
    interval, stop = storage.get_heartbeat_interval(), threading.Event()

    def beat() -> None:
        while not stop.wait(interval):
            try:
                record_heartbeat(study, trial)
            except optuna.exceptions.StorageInternalError as error:
                log.warning("the heartbeat of trial %s could not be recorded: %s", trial.number, error)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def record_heartbeat(study: optuna.Study, trial: optuna.Trial) -> None:
    """Record one heartbeat of the trial."""
    storage = study._storage
    assert isinstance(storage, optuna.storages._heartbeat.BaseHeartbeat)
    storage.record_heartbeat(trial._trial_id)
