"""Where a study is kept: sqlite on one machine, PostgreSQL for several."""

import fcntl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning

from darkroom.tuning.attempt import StudyError
from darkroom.tuning.requeueing import requeue

LOCK_SECONDS = 60  # that a sqlite file may be locked by others


@contextmanager
def one_at_a_time(study: optuna.Study) -> Iterator[None]:
    """Begin trials one worker after the other, where all are on one machine."""
    database = sqlite_file(study)
    if database is None:
        yield
        return
    with open(f"{database}.turn", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def open_storage(url: str, *, dead_after: int) -> optuna.storages.RDBStorage:
    """Open a study's storage by its URL; raises StudyError when it cannot be reached."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for warning in (
        {"category": ExperimentalWarning},
        {"message": "Heartbeat of storage is supposed to be used"},
    ):
        warnings.filterwarnings("ignore", **warning)
    sqlite = url.startswith("sqlite")
    if sqlite:
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
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
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        words = str(error.__cause__ or error).splitlines()[0]
        shown = sqlalchemy.engine.make_url(url).render_as_string(hide_password=True)
        raise StudyError(f"the study's storage {shown} cannot be opened: {words}") from error
    if sqlite:
        sqlalchemy.event.listen(storage.engine, "connect", _set_journal)
        sqlalchemy.event.listen(storage.engine, "begin", _begin)
        storage.engine.dispose()  # connections that were made before

    return storage


def _set_journal(connection: Any, record: Any) -> None:
    # a commit need not wait for the disk; what was committed outlives any kill, if not a power cut
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin(connection: sqlalchemy.Connection) -> None:
    # else two workers could both find a trial waiting, and both begin it
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def sqlite_file(study: optuna.Study) -> str | None:
    """Return the file of a study in sqlite, None for another storage."""
    backend: Any = getattr(study._storage, "_backend", study._storage)
    url = backend.engine.url
    return str(url.database) if url.get_backend_name() == "sqlite" else None
