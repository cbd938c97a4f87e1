"""The search: a study goes to its total, and goes on after a kill."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from darkroom.params import Params, load_params
from darkroom.training import Epoch, TrainingError
from darkroom.tuning import best_values, finished_trials, open_study, run_study, trials_table
from tests.training_helpers import PARAMS, tiny_params

Report = Callable[[Epoch], None]

SPACE = {
    "train": {
        "learning_rate": {"low": 0.01, "high": 1.0, "log": True},
        "batch_size": {"choices": [32, 64, 128]},
    },
    "augment": {"translate": {"low": 0, "high": 3}},
}


def params_of(**train: Any) -> Params:
    """Return tiny parameters with a small space in the place of the file's."""
    tree = tiny_params({"train": train}).model_dump(mode="json")
    tree["tune"]["space"] = SPACE
    return Params.model_validate(tree)


def epoch(number: int, accuracy: float) -> Epoch:
    return Epoch(number, 1.0, 0.5, 1.0, accuracy, 0.1, 1.0, 100.0)


def quick(params: Params, report: Report) -> float:
    """Pretend to train: best at a learning rate of 0.3 and 64 pictures a step."""
    accuracy = 0.9 - abs(params.train.learning_rate - 0.3) / 2 - abs(params.train.batch_size - 64) / 1000
    for number in (1, 2, 3):
        report(epoch(number, accuracy * number / 3))
    return accuracy


class Study:
    """A study in a file, opened anew for each run as the stage does."""

    def __init__(self, path: Path, *, seed: int = 0, startup_trials: int = 100) -> None:
        self.path, self.seed, self.startup_trials = path, seed, startup_trials
        self.values: list[dict[str, Any]] = []
        self.pruned = 0

    def open(self) -> optuna.Study:
        """Open the study's file."""
        return open_study(self.path, seed=self.seed, startup_trials=self.startup_trials)

    def run(
        self,
        trials: int,
        objective: Callable[[Params, Report], float] = quick,
        params: Params | None = None,
    ) -> optuna.Study:
        """Run up to `trials` and remember the values tried."""

        @contextlib.contextmanager
        def open_trial(number: int, values: dict[str, Any]) -> Iterator[None]:
            self.values.append(dict(values))
            yield

        def on_pruned() -> None:
            self.pruned += 1

        study = self.open()
        run_study(
            study,
            params=params or params_of(),
            trials=trials,
            objective=objective,
            open_trial=open_trial,
            on_pruned=on_pruned,
        )
        return study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "made" / "study.db")


def test_a_study_runs_to_its_total_and_on_to_a_higher_one(study: Study) -> None:
    assert finished_trials(study.run(3)) == 3
    assert finished_trials(study.run(5)) == 5
    assert len(study.values) == 5, "two more, not five"
    assert finished_trials(study.run(5)) == 5
    assert finished_trials(study.run(2)) == 5
    assert len(study.values) == 5, "nothing was left to do"


def test_the_parameters_as_they_are_come_first(study: Study) -> None:
    study.run(3)
    assert study.values[0] == {
        "train.learning_rate": 0.12,
        "train.batch_size": 64,
        "augment.translate": 1,
    }
    assert study.values[1] != study.values[0]


@pytest.mark.parametrize("change", [{"batch_size": 300}, {"learning_rate": 3.0}])
def test_a_default_outside_of_the_space_does_not_end_the_study(study: Study, change: dict[str, Any]) -> None:
    done = study.run(3, params=params_of(**change))
    assert finished_trials(done) == 3
    for values in study.values:
        assert values["train.batch_size"] in (32, 64, 128)


def test_every_trial_stays_in_the_space_and_gets_its_values(study: Study) -> None:
    seen: list[tuple[float, int, int]] = []

    def objective(params: Params, report: Report) -> float:
        seen.append((params.train.learning_rate, params.train.batch_size, params.augment.translate))
        assert params.model == params_of().model
        return quick(params, report)

    study.run(12, objective)
    assert [tuple(values.values()) for values in study.values] == seen
    assert all(
        0.01 <= rate <= 1 and batch in (32, 64, 128) and 0 <= shift <= 3 for rate, batch, shift in seen
    )
    assert {type(shift) for _, _, shift in seen} == {int}
    assert len(set(seen)) > 6


def test_the_best_values_lie_over_the_params(study: Study) -> None:
    done = study.run(8)
    best = best_values(done)
    assert best.keys() == {"train", "augment"}
    tuned = load_params(PARAMS, best)
    assert tuned.train.learning_rate == done.best_params["train.learning_rate"]
    assert tuned.train.batch_size == done.best_params["train.batch_size"]
    assert tuned.augment.translate == done.best_params["augment.translate"]
    table = trials_table(done)
    assert table["validation_accuracy"].max() == done.best_value
    assert list(table["trial"]) == list(range(8))
    assert set(table["state"]) == {"complete"}
    assert set(table["epochs"]) == {3}
    assert {"train.learning_rate", "train.batch_size", "augment.translate", "seconds"} <= set(table.columns)


def test_a_bad_trial_is_pruned_and_counted(tmp_path: Path) -> None:
    study = Study(tmp_path / "study.db", startup_trials=2)
    calls = []

    def objective(params: Params, report: Report) -> float:
        calls.append(1)
        worse = 0.1 if len(calls) == 4 else 0.5
        for number in (1, 2, 3):
            report(epoch(number, worse))
        return worse

    done = study.run(5, objective)
    assert finished_trials(done) == 5
    assert [trial.state for trial in done.trials].count(TrialState.PRUNED) == 1
    assert study.pruned == 1
    row = trials_table(done).iloc[3]
    assert (row["state"], row["epochs"], row["validation_accuracy"]) == ("pruned", 1, 0.1)
    assert best_values(done)


def test_the_seed_decides_the_points(tmp_path: Path) -> None:
    studies = [Study(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    for study in studies:
        study.run(5)
    a, b, c = (study.values for study in studies)
    assert a == b
    assert a[0] == c[0], "the defaults"
    assert all(one != other for one, other in zip(a[1:], c[1:], strict=True))


def test_a_resumed_study_does_not_repeat_its_points(study: Study) -> None:
    study.run(4)
    study.run(8)
    assert len({tuple(values.values()) for values in study.values}) == 8


def test_no_trial_to_the_end_is_a_clear_error(study: Study) -> None:
    def objective(params: Params, report: Report) -> float:
        raise optuna.TrialPruned

    with pytest.raises(ValueError, match="none of 3 trials came to its end: widen"):
        study.run(3, objective)


def test_a_trial_that_diverges_is_one_failed_trial(study: Study) -> None:
    calls = []

    def objective(params: Params, report: Report) -> float:
        calls.append(1)
        if len(calls) == 2:
            raise TrainingError("the loss is nan at step 1 of epoch 1")
        return quick(params, report)

    done = study.run(4, objective)
    assert finished_trials(done) == 4
    assert [trial.state for trial in done.trials].count(TrialState.FAIL) == 1


def test_when_every_trial_diverges_it_ends_with_an_error(study: Study) -> None:
    def objective(params: Params, report: Report) -> float:
        raise TrainingError("the loss is nan at step 1 of epoch 1")

    with pytest.raises((ValueError, TrainingError), match=r"came to its end|loss is nan"):
        study.run(3, objective)
    assert len(study.values) <= 10, "it gives up"


def test_an_error_that_is_no_divergence_is_not_hidden(study: Study) -> None:
    def objective(params: Params, report: Report) -> float:
        raise ZeroDivisionError("a mistake in the code")

    with pytest.raises(ZeroDivisionError):
        study.run(3, objective)


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.test_tuning import Study, epoch, quick
calls = []
def objective(params, report):
    calls.append(1)
    if len(calls) == int(sys.argv[2]):
        report(epoch(1, 0.5))
        os.kill(os.getpid(), signal.SIGKILL)
    return quick(params, report)
Study(Path(sys.argv[1])).run(5, objective)
"""


@pytest.mark.parametrize("trial", [1, 3])
def test_a_killed_study_goes_on_to_its_total(tmp_path: Path, trial: int) -> None:
    root = PARAMS.parent
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "study.db"), str(trial)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"},
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    before = optuna.load_study(study_name="darkroom", storage=storage)
    assert [one.state for one in before.trials].count(TrialState.RUNNING) == 1
    study = Study(tmp_path / "study.db")
    done = study.run(5)
    states = [one.state for one in done.trials]
    assert states.count(TrialState.COMPLETE) == 5
    assert states.count(TrialState.FAIL) == 1
    assert TrialState.RUNNING not in states
    assert len(study.values) == 5 - (trial - 1)
    complete = [one for one in done.trials if one.state == TrialState.COMPLETE]
    assert complete[0].params["train.learning_rate"] == 0.12, "the defaults are tried, killed or not"
    assert len({tuple(one.params.values()) for one in complete}) == 5
