"""The database of studies: SQLite for workers on one machine, PostgreSQL for several machines."""

import errno
import fcntl
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning

from darkroom.disk import NEARLY_NONE, free_bytes
from darkroom.tuning.errors import StudyError
from darkroom.tuning.requeueing import requeue

LOCK_SECONDS = 60  # how long a worker waits for a locked SQLite file


def open_storage(url: str, *, dead_after: int) -> optuna.storages.RDBStorage:
    """Open the database of studies at an SQLAlchemy URL; a missing SQLite file is created.

    A trial whose worker sent no heartbeat for `dead_after` seconds counts as stale and is queued again.
    Raises StudyError if the database cannot be reached, with its URL but without its password, and OSError
    where the disk of a SQLite file is full.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for warning in (
        {"category": ExperimentalWarning},
        {"message": "Heartbeat of storage is supposed to be used"},
    ):
        warnings.filterwarnings("ignore", **warning)
    sqlite = url.startswith("sqlite")
    if sqlite:
        _file(url).parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = (
        {"connect_args": {"timeout": LOCK_SECONDS}} if sqlite else {"pool_pre_ping": True}
    )
    try:
        storage = optuna.storages.RDBStorage(
            url,
            engine_kwargs=options,
            heartbeat_interval=max(1, dead_after // 4),
            grace_period=dead_after,
            heartbeat_stale_trial_callback=requeue,
        )
    except ImportError as error:
        raise StudyError(f"{error}: `make install-postgres` installs what PostgreSQL needs") from error
    except (
        sqlalchemy.exc.SQLAlchemyError,
        optuna.exceptions.StorageInternalError,
        RuntimeError,  # a file of another version of Optuna
        AssertionError,  # a file without Optuna's version
    ) as error:
        cause = (str(error.__cause__ or error).splitlines() or ["its version is missing"])[0]
        if sqlite and "disk I/O error" in cause and free_bytes(_file(url).parent) < NEARLY_NONE:
            # what SQLite says where the file beside it does not fit: nothing is wrong with the studies
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(_file(url))) from error
        shown = sqlalchemy.engine.make_url(url).render_as_string(hide_password=True)
        cure = "; move the file away, and the search begins anew" if sqlite else ""
        raise StudyError(f"the study's storage {shown} cannot be opened: {cause}{cure}") from error
    if sqlite:
        sqlalchemy.event.listen(storage.engine, "connect", _set_journal)
        sqlalchemy.event.listen(storage.engine, "begin", _begin_immediate)
        storage.engine.dispose()  # connections opened before lack these settings
    return storage


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def sqlite_file(study: optuna.Study) -> str | None:
    """Return the path of the SQLite file that holds the study; None for another database."""
    backend: Any = getattr(study._storage, "_backend", study._storage)
    url = backend.engine.url
    return str(url.database) if url.get_backend_name() == "sqlite" else None


@contextmanager
def one_at_a_time(study: optuna.Study) -> Iterator[None]:
    """Let one worker of this machine run the block at a time; does nothing without SQLite."""
    database = sqlite_file(study)
    if database is None:
        yield
        return
    with open(f"{database}.turn", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _set_journal(connection: Any, record: Any) -> None:
    # a commit does not wait for the disk: it survives a killed process, though not a power cut
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_immediate(connection: sqlalchemy.Connection) -> None:
    # otherwise two workers could both read that a trial is waiting, and both start it
    connection.exec_driver_sql("BEGIN IMMEDIATE")
