"""The door to MLflow's runs: each stage shows there what it did. The registry is in `registry`."""

import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from darkroom.config.trees import flatten

log = logging.getLogger(__name__)


@contextmanager
def open_run(
    uri: str,
    experiment: str,
    *,
    name: str,
    run_id: str | None = None,
    parent: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Open a run and yield its id: run `run_id` again where the store at `uri` has it, else a new one.

    A new one is shown below the run `parent`, where the store has that. The run ends as FINISHED, as
    FAILED when the block raises.
    """
    _create_database(uri)
    follow_move(uri)
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=_experiment_id(uri, experiment))
    known = run_id if run_id and has_run(uri, run_id) else None
    above = parent if parent and has_run(uri, parent) else None
    with mlflow.start_run(
        run_id=known, run_name=None if known else name, nested=above is not None, parent_run_id=above
    ) as run:
        mlflow.set_tags({key: str(value) for key, value in (tags or {}).items()})
        yield run.info.run_id


def _create_database(uri: str) -> None:
    """Create the sqlite file of `uri`, with all its tables or not at all.

    MLflow makes the tables in many steps; killed between them, it cannot open the file ever again.
    """
    database = _sqlite_file(uri)
    if database is None or database.exists():
        return
    aside = Path(f"{database}.{os.getpid()}.new")
    try:
        MlflowClient(f"sqlite:///{aside}").search_experiments()
        with suppress(FileExistsError):  # another process was first
            os.link(aside, database)
    finally:
        aside.unlink(missing_ok=True)


def follow_move(uri: str) -> None:
    """Where the sqlite file of `uri` was moved together with its artifacts, set the paths in it right.

    MLflow keeps absolute paths and has no command to change them (github.com/mlflow/mlflow/issues/3144),
    so a moved checkout would lose every model. Only paths that lead nowhere are changed, and only to
    folders that are there.
    """
    database = _sqlite_file(uri)
    if database is None or not database.is_file():
        return
    places = (
        ("experiments", "artifact_location"),
        ("runs", "artifact_uri"),
        ("logged_models", "artifact_location"),
        ("model_versions", "storage_location"),
        ("model_versions", "source"),
    )
    with closing(sqlite3.connect(database, timeout=60)) as store, store:
        for name, old in store.execute("SELECT name, artifact_location FROM experiments").fetchall():
            here = database.resolve().parent / "mlruns" / name
            new = here.as_uri()
            if not old.startswith("file://") or old == new or not here.is_dir() or _path_of(old).exists():
                continue
            log.info("%s was moved: the artifacts of %s are at %s now", database.name, name, here)
            for table, column in places:
                store.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608  names from above
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
                )


def _path_of(file_uri: str) -> Path:
    return Path(url2pathname(urlsplit(file_uri).path))


def _experiment_id(uri: str, name: str) -> str:
    """Return the experiment's id; a new one in a sqlite file keeps its artifacts beside that file.

    MLflow's default is below the current folder, which for a scratch copy goes with the copy.
    """
    client = MlflowClient(uri)
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    database = _sqlite_file(uri)
    location = (database.resolve().parent / "mlruns" / name).as_uri() if database else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException as error:
        known = client.get_experiment_by_name(name)
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or known is None:
            raise
        return str(known.experiment_id)  # another process was first


def _sqlite_file(uri: str) -> Path | None:
    """Return the file of a sqlite store, None for another store."""
    path = uri.removeprefix("sqlite:///")
    return None if path == uri else Path(path)


def has_run(uri: str, run_id: str) -> bool:
    """Say whether the store at `uri` has this run and it is not deleted."""
    try:
        return MlflowClient(uri).get_run(run_id).info.lifecycle_stage == "active"
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def end_run_as(status: str) -> None:
    """End the open run as `status`, one of MLflow's: FINISHED, FAILED or KILLED."""
    mlflow.end_run(status)


def log_params(params: Mapping[str, Any]) -> None:
    """Log a tree of parameters under dotted names."""
    mlflow.log_params(flatten(params))


def log_metrics(metrics: Mapping[str, Any], *, step: int | None = None, prefix: str = "") -> None:
    """Log the numbers of a tree of metrics under dotted names; what is no number is passed over."""
    numbers = {
        prefix + key: float(value)
        for key, value in flatten(metrics).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    mlflow.log_metrics(numbers, step=step)


def log_files(*paths: Path, folder: str | None = None) -> None:
    """Copy files to the open run's artifacts."""
    for path in paths:
        mlflow.log_artifact(str(path), folder)


def log_text(text: str, name: str) -> None:
    """Keep a text as an artifact of the open run."""
    mlflow.log_text(text, name)


def set_tags(tags: Mapping[str, Any]) -> None:
    """Tag the open run."""
    mlflow.set_tags({key: str(value) for key, value in tags.items()})
