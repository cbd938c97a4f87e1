"""The run of a training in MLflow: opened again when the training is resumed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.files import read_json, write_json
from darkroom.tracking import lineage, runs
from darkroom.tracking.sources import code_sha256


@dataclass(frozen=True)
class TrainingRun:
    """Where a training is shown in MLflow, and what identifies it there.

    Attributes:
        uri: of MLflow's store.
        experiment: its name, that of the data set.
        folder: the checkpoints' folder, which keeps the run's id for a resumed training.
        root: of the repository, whose commit and uncommitted changes are logged.
        settings: the parameters the training depends on.
        tags: of the run.
    """

    uri: str
    experiment: str
    folder: Path
    root: Path
    settings: Mapping[str, Any]
    tags: Mapping[str, str]


@contextmanager
def open_training_run(run: TrainingRun) -> Iterator[str]:
    """Open the run that the checkpoints in `run.folder` belong to, or a new one; yield its id."""
    note = run.folder / "run.json"
    known = read_json(note)["run_id"] if note.is_file() else None
    commit = lineage.commit(run.root)
    code = {"commit": commit} if commit else {"commit": "none", "code_sha256": code_sha256(run.root)}
    tags = {"stage": "train", **code, **run.tags}
    with runs.open_run(run.uri, run.experiment, name="train", run_id=known, tags=tags) as run_id:
        write_json(note, {"run_id": run_id})
        runs.log_params(run.settings)
        runs.log_text(lineage.uncommitted_diff(run.root).decode(errors="replace"), "uncommitted.diff")
        yield run_id
