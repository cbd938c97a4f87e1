"""Real studies whose trials only pretend to train, as their figures and their page see them."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from darkroom.config import Params
from darkroom.files import read_json, write_json
from darkroom.reporting.study_view import StudyView, read_study
from darkroom.training.history import TrainingError
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.study import open_study
from darkroom.tuning.study_record import study_record
from darkroom.tuning.trial_loop import run_trials
from tests.helpers.tuning import epoch, params_of

CONDITIONAL = {
    "train": {
        "optimizer": {"choices": ["sgd", "adam"]},
        "learning_rate": [
            {"low": 0.001, "high": 0.1, "log": True, "when": {"train.optimizer": "adam"}},
            {"low": 0.01, "high": 1.0, "log": True},
        ],
        "warmup": {"low": 0.0, "high": 0.4, "when": {"train.optimizer": "sgd"}},
    },
    "augment": {"translate": {"low": 0, "high": 3}},
}
CATEGORIES = {"train": {"batch_size": {"choices": [32, 64, 128]}, "optimizer": {"choices": ["sgd", "adam"]}}}


def learning(params: Params, attempt: Attempt) -> float:
    """Pretend to train; each trial is a little better than the one before."""
    accuracy = 0.5 + 0.02 * attempt.number
    for number in (1, 2, 3):
        attempt.report(epoch(number, accuracy * number / 3))
    return accuracy


def failing_at(*numbers: int) -> Callable[[Params, Attempt], float]:
    def objective(params: Params, attempt: Attempt) -> float:
        if attempt.number in numbers:
            raise TrainingError("the loss is nan at step 1 of epoch 1")
        return learning(params, attempt)

    return objective


def search_study(
    folder: Path, trials: int, objective: Callable[[Params, Attempt], float] = learning, **tune: Any
) -> StudyView:
    """Search with the project's own engine and return its view, read from a JSON file."""
    params = params_of({"trials": trials, **tune})
    study = open_study(f"sqlite:///{folder / 'study.db'}", "study", params=params)
    run_trials(study, params=params, objective=objective, folder=folder)
    write_json(folder / "study.json", study_record(study))
    return read_study(read_json(folder / "study.json"))


@cache
def conditional_study() -> StudyView:
    """Return fourteen trials of a space with conditions, some pruned, and one more that failed."""
    options: dict[str, Any] = {"pruner": "asha", "reduction_factor": 2, "startup_trials": 6}
    with tempfile.TemporaryDirectory() as folder:
        return search_study(Path(folder), 14, failing_at(2), space=CONDITIONAL, **options)
