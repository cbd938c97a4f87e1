"""The experiment in MLflow that runs are logged to."""

import logging
from itertools import count

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from darkroom.tracking.mlflow_tables import sqlite_file

log = logging.getLogger(__name__)


def open_experiment(uri: str, name: str) -> str:
    """Return the id of the experiment `name`; it is created where the store has none of this name.

    MLflow keeps the name of a deleted experiment until `mlflow gc` removes that
    (github.com/mlflow/mlflow/issues/6445). What somebody deleted stays deleted: the runs then go to
    `<name>-2`, or the next number that is free.
    """
    client = MlflowClient(uri)
    deleted = None
    for number in count(1):
        title = name if number == 1 else f"{name}-{number}"
        known = client.get_experiment_by_name(title)
        if known is None and (created := _create(client, uri, title)) is not None:
            if deleted:
                log.warning(
                    "the experiment %s was deleted in MLflow, so its runs are logged to %s now; `mlflow "
                    "experiments restore --experiment-id %s` would bring it back",
                    deleted.name,
                    title,
                    deleted.experiment_id,
                )
            return created
        known = known or client.get_experiment_by_name(title)  # another process was first
        if known is not None and known.lifecycle_stage == "active":
            return str(known.experiment_id)
        deleted = deleted or known
    raise AssertionError  # the count has no end


def _create(client: MlflowClient, uri: str, name: str) -> str | None:
    """Create an experiment; None where the store has one of this name.

    In a sqlite file it keeps its artifacts beside that file. MLflow's default is below the current folder,
    which is deleted with a scratch copy of the checkout.
    """
    database = sqlite_file(uri)
    location = (database.resolve().parent / "mlruns" / name).as_uri() if database else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException as error:
        if error.error_code == "RESOURCE_ALREADY_EXISTS":
            return None
        raise
