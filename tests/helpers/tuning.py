"""What the tests of the tuner share: a small search space, and trials that only pretend to train."""

import multiprocessing
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import optuna

from darkroom.config import Params
from darkroom.files import write_text
from darkroom.training.history import Epoch
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.results import check_result
from darkroom.tuning.storage import open_storage
from darkroom.tuning.study import join_study, open_study
from darkroom.tuning.trial_loop import run_trials
from darkroom.tuning.worker_processes import Process
from tests.helpers.training import tiny_params

SPACE = {
    "train": {
        "learning_rate": {"low": 0.01, "high": 1.0, "log": True},
        "batch_size": {"choices": [32, 64, 128]},
    },
    "augment": {"translate": {"low": 0, "high": 3}},
}
TUNE = {"epochs": 3, "pruner": "none", "startup_trials": 100, "space": SPACE}


def params_of(tune: dict[str, Any] | None = None, **train: Any) -> Params:
    """Return tiny parameters with a small search space instead of the one in params.yaml."""
    tree = tiny_params({"train": train}).model_dump(mode="json")
    tree["tune"] |= TUNE | (tune or {})
    return Params.model_validate(tree)


def epoch(number: int, accuracy: float) -> Epoch:
    return Epoch(number, 1.0, 0.5, 1.0, accuracy, 0.1, 1.0, 100.0)


def quick(params: Params, attempt: Attempt) -> float:
    """Pretend to train: best at a learning rate of 0.3 and 64 images a step."""
    accuracy = 0.9 - abs(params.train.learning_rate - 0.3) / 2 - abs(params.train.batch_size - 64) / 1000
    for number in (1, 2, 3):
        attempt.report(epoch(number, accuracy * number / 3))
    return accuracy


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        open_storage(f"sqlite:///{path}", dead_after=60).engine.dispose()
        return path.read_bytes()


class Study:
    """A study in a file, opened again for each run as the stage does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: list[dict[str, Any]] = []

    def open(self, params: Params) -> optuna.Study:
        """Open the study's file; a new one is a copy of an empty database, which takes long to create."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(_empty_database())
        about = {"data_name": "digits"}
        return open_study(f"sqlite:///{self.path}", self.path.stem, params=params, about=about)

    def run(
        self,
        trials: int,
        objective: Callable[[Params, Attempt], float] = quick,
        params: Params | None = None,
        **tune: Any,
    ) -> optuna.Study:
        """Run up to `trials` and remember the values tried."""
        params = params or params_of()
        params = params.model_copy(update={"tune": params.tune.model_copy(update={"trials": trials, **tune})})

        def remembered(params: Params, attempt: Attempt) -> float:
            self.values.append(dict(attempt.values))
            return objective(params, attempt)

        study = self.open(params)
        run_trials(study, params=params, objective=remembered, folder=self.path.parent / "folder")
        check_result(study)
        return study


# Workers are forked by a server process that has imported everything and opened no database, because a
# connection to SQLite must not cross a fork. So each worker can be killed alone.
FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["tests.helpers.tuning"])


def run_worker_on(path: Path, folder: Path, params: Params, seconds: float) -> None:
    """Run trials of the study in the file `path`; each epoch takes `seconds`."""

    def objective(params: Params, attempt: Attempt) -> float:
        checkpoint = folder / f"trial-{attempt.first}"
        last = int(checkpoint.read_text()) if checkpoint.exists() else 0
        for number in range(last + 1, 4):
            time.sleep(seconds)
            attempt.report(epoch(number, params.train.learning_rate * number / 3))
            write_text(checkpoint, str(number))
            with open(folder / "epochs", "a") as trained:
                trained.write(f"{attempt.first} {number}\n")
        return params.train.learning_rate

    study = join_study(f"sqlite:///{path}", "study", params=params, about={})
    run_trials(study, params=params, objective=objective, folder=folder)


def start_worker(path: Path, folder: Path, params: Params, seconds: float = 0.02) -> Any:
    """Start a process that does `run_worker_on`."""
    folder.mkdir(exist_ok=True)
    worker = FORK.Process(target=run_worker_on, args=(path, folder, params, seconds), daemon=True)
    worker.start()
    return worker


def start_script(folder: Path, script: str, *arguments: str) -> Process:
    """Start a worker process that runs a Python script in `folder`."""
    return Process(
        [sys.executable, "-S", "-c", script, *arguments],
        folder=folder,
        log=folder / "log",
        environment={"GIVEN": "yes"},
    )
