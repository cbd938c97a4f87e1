"""The run that trained a model, opened again by the stages that follow training."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.tracking import MlflowClient

from darkroom.tracking import runs


@contextmanager
def trained_run(uri: str, experiment: str, run_id: str) -> Iterator[str]:
    """Open again the run that trained a model, and yield its id.

    A store that lacks it (a fresh clone's) gets one run that stands in for it, however often it is
    asked for.
    """
    tags = {}
    known: str | None = run_id
    if not runs.has_run(uri, run_id):
        tags = {"stage": "train", "stands_in_for": run_id}
        known = _stand_in(MlflowClient(uri), experiment, run_id)
    with runs.open_run(uri, experiment, name="train", run_id=known, tags=tags) as run:
        yield run


def lacks_training(uri: str, run_id: str) -> bool:
    """Say whether a run has no epochs: it stands in for one that another store saw."""
    return "train_loss" not in MlflowClient(uri).get_run(run_id).data.metrics


def _stand_in(client: MlflowClient, experiment: str, run_id: str) -> str | None:
    known = client.get_experiment_by_name(experiment)
    if known is None:
        return None
    found = client.search_runs([known.experiment_id], f"tags.stands_in_for = '{run_id}'", max_results=1)
    return str(found[0].info.run_id) if found else None
