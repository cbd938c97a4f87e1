"""The run that trained a model, opened again by the stages that follow training."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient

from darkroom.files import read_json
from darkroom.tracking import runs
from darkroom.tracking.mlflow_tables import sqlite_file
from darkroom.tracking.store_errors import tracking_errors


@contextmanager
def trained_run(uri: str, experiment: str, run_id: str) -> Iterator[str]:
    """Open the run that trained a model again for the time of the block, and yield its id.

    A store that lacks the run, such as that of a fresh clone or one in which it was deleted, gets one run
    that stands in for it, however many stages need it.

    Raises TrackingError when the store cannot be used, then or within the block.
    """
    tags = {}
    known: str | None = run_id
    if not runs.has_run(uri, run_id):
        tags = {"stage": "train", "stands_in_for": run_id}
        with tracking_errors(uri):
            known = _stand_in(uri, run_id)
    with runs.open_run(uri, experiment, name="train", run_id=known, tags=tags) as run:
        yield run


def lacks_training(uri: str, run_id: str) -> bool:
    """Return whether a run has no epochs: it stands in for a run of another store."""
    return "train_loss" not in MlflowClient(uri).get_run(run_id).data.metrics


def restore_training(parameters: Mapping[str, Any], metrics: Mapping[str, Any], *, reports: Path) -> None:
    """Log to the open run what training logged elsewhere, from the files that the stages wrote.

    Args:
        parameters: those that training depends on.
        metrics: the content of metrics.json.
        reports: folder with curve.csv (a row an epoch), train.json, train_timing.json and metrics.json.
    """
    import pandas as pd

    runs.log_params(parameters)
    timing = pd.DataFrame(read_json(reports / "train_timing.json")["epochs"])
    for row in pd.read_csv(reports / "curve.csv").merge(timing, on="epoch").to_dict("records"):
        values = {str(key): value for key, value in row.items() if key != "epoch" and pd.notna(value)}
        runs.log_metrics(values, step=int(row["epoch"]))
    runs.log_metrics(metrics)
    names = ("curve.csv", "train.json", "train_timing.json", "metrics.json")
    runs.log_files(*[reports / name for name in names])


def _stand_in(uri: str, run_id: str) -> str | None:
    """Return the run that stands in for another already, in any experiment; None where there is none yet."""
    if (database := sqlite_file(uri)) is not None and not database.exists():
        return None
    client = MlflowClient(uri)
    places = [experiment.experiment_id for experiment in client.search_experiments()]  # not deleted ones
    found = client.search_runs(places, f"tags.stands_in_for = '{run_id}'", max_results=1)
    return str(found[0].info.run_id) if found else None
