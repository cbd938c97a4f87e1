"""Trials as runs in MLflow, each below the run of its study."""

from collections.abc import Iterator
from contextlib import contextmanager

from darkroom.stopping import Stopped
from darkroom.tracking import runs
from darkroom.training.history import BestByPrecision, Epoch
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.errors import Pruned, failure_reason
from darkroom.tuning.search import Search


@contextmanager
def trial_run(attempt: Attempt, search: Search, parent: str | None) -> Iterator[None]:
    """Open the run of a trial, below the run `parent`, and tag it with how the block ends.

    A trial that continues another one continues its run. The tag `state` is running, complete, pruned,
    stopped (by a signal) or failed; the tag `reason` says why a trial ended early.
    """
    tags = {"stage": "trial", "trial": str(attempt.number), "study": search.study, "state": "running"}
    with runs.open_run(
        search.places.tracking_uri,
        search.params.data.name,
        name=f"trial {attempt.first}",
        run_id=attempt.notes.get("run_id"),
        parent=parent,
        tags=tags,
    ) as run_id:
        attempt.note("run_id", run_id)
        runs.log_params(attempt.values)
        try:
            yield
        except Pruned as stop:
            runs.set_tags({"state": "pruned", "reason": str(stop)})
            runs.end_run_as("KILLED")
            raise
        except Stopped as stopped:
            runs.set_tags({"state": "stopped", "reason": str(stopped)})
            raise
        except BaseException as error:
            reason = failure_reason(error) or f"{type(error).__name__}: {error}"
            runs.set_tags({"state": "failed", "reason": reason})
            raise
        runs.set_tags({"state": "complete"})


def log_epoch(epoch: Epoch) -> None:
    """Log an epoch's losses and its validation accuracies to the open run."""
    losses = {"train_loss": epoch.train_loss, "validation_loss": epoch.validation_loss}
    accuracies = {
        "validation_accuracy": epoch.validation_accuracy,
        "validation_balanced_accuracy": epoch.validation_balanced_accuracy,
    }
    if isinstance(epoch, BestByPrecision):
        accuracies["validation_average_precision"] = epoch.validation_average_precision
    runs.log_metrics({**accuracies, **losses}, step=epoch.epoch)
