"""The interface to MLflow's runs: what each stage logs there."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from darkroom.config.trees import flatten
from darkroom.stopping import Stopped
from darkroom.tracking.artifact_places import relocate_artifacts
from darkroom.tracking.experiments import open_experiment
from darkroom.tracking.mlflow_tables import sqlite_file
from darkroom.tracking.schema import check_schema
from darkroom.tracking.store_errors import tracking_errors


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
    What was deleted in MLflow is not restored: a run that was deleted gets a new one in its place, and a
    deleted experiment one beside it.

    Raises TrackingError when the store cannot be used, then or within the block.

    Args:
        uri: of the tracking store.
        experiment: its name, for a new run; see `open_experiment`.
        name: of a new run.
        run_id: the run to continue, where the store has it; otherwise a new one is created. Whatever
            experiment it is in now, it stays there.
        parent: the run below which MLflow shows a new one, where the store has it.
        tags: set on the run, as text.
    """
    with tracking_errors(uri):
        _create_database(uri)
        relocate_artifacts(uri)
        mlflow.set_tracking_uri(uri)
        known = _active_run(uri, run_id) if run_id else None
        above = _active_run(uri, parent) if parent else None
        # a run may lie in an experiment that was renamed: it is continued there, and shown beside its parent
        beside = known or above
        place = beside.info.experiment_id if beside else open_experiment(uri, experiment)
        mlflow.set_experiment(experiment_id=place)
        run = mlflow.start_run(
            run_id=known.info.run_id if known else None,
            run_name=None if known else name,
            nested=above is not None,
            parent_run_id=above.info.run_id if above else None,
        )
    # the block's other errors are its own: a search uses another database
    with tracking_errors(uri, MlflowException), run:
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


def has_run(uri: str, run_id: str) -> bool:
    """Return whether the store at `uri` has this run, and neither it nor its experiment is deleted.

    Raises TrackingError when the store cannot be used.
    """
    database = sqlite_file(uri)
    if database is not None and not database.exists():
        return False  # MLflow would create the file
    with tracking_errors(uri):
        check_schema(uri)
        return _active_run(uri, run_id) is not None


def _active_run(uri: str, run_id: str) -> Run | None:
    """Return a run that can be continued; None where it, or its experiment, is missing or deleted."""
    client = MlflowClient(uri)
    try:
        run = client.get_run(run_id)
        if run.info.lifecycle_stage != "active":
            return None
        experiment = client.get_experiment(run.info.experiment_id)
    except MlflowException as error:
        # an invalid id: somebody edited the note or the tag that holds it
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return run if experiment.lifecycle_stage == "active" else None


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
