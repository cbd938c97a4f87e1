"""The interface to MLflow's runs: what each stage logs there."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from darkroom.config.trees import flatten
from darkroom.stopping import Stopped
from darkroom.tracking.mlflow_tables import relocate_artifacts, sqlite_file


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
    """Open a run for the time of the block and yield its id.

    The run ends as FINISHED, as KILLED when a signal stops the block, or as FAILED when it raises an error.

    Args:
        uri: of the tracking store.
        experiment: its name; it is created where the store has none of this name.
        name: of a new run.
        run_id: the run to continue, where the store has it; otherwise a new one is created.
        parent: the run below which MLflow shows a new one, where the store has it.
        tags: set on the run, as text.
    """
    _create_database(uri)
    relocate_artifacts(uri)
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=_experiment_id(uri, experiment))
    known = run_id if run_id and has_run(uri, run_id) else None
    above = parent if parent and has_run(uri, parent) else None
    with mlflow.start_run(
        run_id=known, run_name=None if known else name, nested=above is not None, parent_run_id=above
    ) as run:
        mlflow.set_tags({key: str(value) for key, value in (tags or {}).items()})
        try:
            yield run.info.run_id
        except Stopped:
            end_run_as("KILLED")
            raise


def _create_database(uri: str) -> None:
    """Create the sqlite file of `uri`, with all its tables or not at all.

    MLflow creates the tables in many steps and cannot open a file in which it was killed between them.
    """
    database = sqlite_file(uri)
    if database is None or database.exists():
        return
    temporary = Path(f"{database}.{os.getpid()}.new")
    try:
        MlflowClient(f"sqlite:///{temporary}").search_experiments()
        with suppress(FileExistsError):  # another process was first
            os.link(temporary, database)
    finally:
        temporary.unlink(missing_ok=True)


def _experiment_id(uri: str, name: str) -> str:
    """Return an experiment's id; a new one in a sqlite file keeps its artifacts beside that file.

    MLflow's default is below the current folder, which is deleted with a scratch copy of the checkout.
    """
    client = MlflowClient(uri)
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    database = sqlite_file(uri)
    location = (database.resolve().parent / "mlruns" / name).as_uri() if database else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException as error:
        known = client.get_experiment_by_name(name)
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or known is None:
            raise
        return str(known.experiment_id)  # another process was first


def has_run(uri: str, run_id: str) -> bool:
    """Return whether the store at `uri` has this run and it is not deleted."""
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
    """Log the numbers of a tree of metrics under dotted names; everything else is skipped."""
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
