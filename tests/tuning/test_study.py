"""The search: a study goes to its total, and goes on after a kill."""

import multiprocessing
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.trial import TrialState

from darkroom.config import Params, load_params
from darkroom.files import write_text
from darkroom.training.history import Epoch, TrainingError
from darkroom.tuning.liveness import release_dead
from darkroom.tuning.objective import Attempt, Pruned
from darkroom.tuning.results import best_values, check_result, trials_table
from darkroom.tuning.study import join_study, open_study
from darkroom.tuning.trial_states import DEATHS, finished_trials, is_over, searched_seconds
from darkroom.tuning.work import work
from tests.helpers.training import PARAMS, tiny_params
from tests.helpers.waiting import eventually

SPACE = {
    "train": {
        "learning_rate": {"low": 0.01, "high": 1.0, "log": True},
        "batch_size": {"choices": [32, 64, 128]},
    },
    "augment": {"translate": {"low": 0, "high": 3}},
}
TUNE = {"epochs": 3, "pruner": "none", "startup_trials": 100, "space": SPACE}


def params_of(tune: dict[str, Any] | None = None, **train: Any) -> Params:
    """Return tiny parameters with a small space in the place of the file's."""
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


class Study:
    """A study in a file, opened anew for each run as the stage does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: list[dict[str, Any]] = []

    def open(self, params: Params) -> optuna.Study:
        """Open the study's file."""
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
        work(study, params=params, objective=remembered, folder=self.path.parent / "folder")
        check_result(study)
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

    def objective(params: Params, attempt: Attempt) -> float:
        seen.append((params.train.learning_rate, params.train.batch_size, params.augment.translate))
        assert params.model == params_of().model
        return quick(params, attempt)

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
    study = Study(tmp_path / "study.db")
    calls = []

    def objective(params: Params, attempt: Attempt) -> float:
        calls.append(1)
        worse = 0.1 if len(calls) == 4 else 0.5
        for number in (1, 2, 3):
            attempt.report(epoch(number, worse))
        return worse

    done = study.run(5, objective, pruner="median", startup_trials=2)
    assert finished_trials(done) == 5
    assert [trial.state for trial in done.trials].count(TrialState.PRUNED) == 1
    row = trials_table(done).iloc[3]
    assert (row["state"], row["epochs"], row["validation_accuracy"]) == ("pruned", 1, 0.1)
    assert row["reason"] == "stopped after epoch 1"
    assert best_values(done)


def test_the_seed_decides_the_points(tmp_path: Path) -> None:
    studies = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        studies.append(Study(tmp_path / name / "study.db"))
        studies[-1].run(5, params=params_of().model_copy(update={"seed": seed}))
    a, b, c = (study.values for study in studies)
    assert a == b
    assert a[0] == c[0], "the defaults"
    assert all(one != other for one, other in zip(a[1:], c[1:], strict=True))


def test_a_resumed_study_does_not_repeat_its_points(study: Study) -> None:
    study.run(4)
    study.run(8)
    assert len({tuple(values.values()) for values in study.values}) == 8


def test_no_trial_to_the_end_is_a_clear_error(study: Study) -> None:
    def objective(params: Params, attempt: Attempt) -> float:
        raise Pruned

    with pytest.raises(ValueError, match="none of 3 trials came to its end: narrow"):
        study.run(3, objective)


def test_a_trial_that_diverges_is_one_failed_trial(study: Study) -> None:
    calls = []

    def objective(params: Params, attempt: Attempt) -> float:
        calls.append(1)
        if len(calls) == 2:
            raise TrainingError("the loss is nan at step 1 of epoch 1")
        return quick(params, attempt)

    done = study.run(4, objective)
    assert finished_trials(done) == 4
    assert [trial.state for trial in done.trials].count(TrialState.FAIL) == 1


def test_when_every_trial_diverges_it_ends_with_an_error(study: Study) -> None:
    def objective(params: Params, attempt: Attempt) -> float:
        raise TrainingError("the loss is nan at step 1 of epoch 1")

    with pytest.raises((ValueError, TrainingError), match=r"came to its end|loss is nan"):
        study.run(3, objective)
    assert len(study.values) <= 10, "it gives up"


def test_an_error_that_is_no_divergence_is_not_hidden(study: Study) -> None:
    def objective(params: Params, attempt: Attempt) -> float:
        raise ZeroDivisionError("a mistake in the code")

    with pytest.raises(ZeroDivisionError):
        study.run(3, objective)


def test_what_does_not_fit_into_memory_is_a_failed_trial(study: Study) -> None:
    errors = [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: 9"),
    ]

    def objective(params: Params, attempt: Attempt) -> float:
        if errors:
            raise errors.pop(0)
        return quick(params, attempt)

    done = study.run(4, objective)
    assert finished_trials(done) == 4
    failed = trials_table(done).query("state == 'failed'")
    assert list(failed["reason"]) == [
        "out of memory: MemoryError",
        "out of memory: CUDA out of memory. Tried to allocate 2.00 GiB.",
        "out of memory: [enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: 9",
    ]


def test_only_what_the_condition_asks_for_is_drawn(study: Study) -> None:
    space = {
        "model": {
            "architecture": {"choices": ["fast", "classic"]},
            "hidden": {"low": 16, "high": 64, "when": {"model.architecture": "classic"}},
        },
        "train": {
            "optimizer": [
                {"choices": ["muon", "sgd"], "when": {"model.architecture": "fast"}},
                {"choices": ["sgd", "adam"]},
            ],
            "learning_rate": [
                {"low": 1e-4, "high": 1e-2, "log": True, "when": {"train.optimizer": "adam"}},
                {"low": 0.01, "high": 1.0, "log": True, "when": {"train.optimizer": ["muon", "sgd"]}},
            ],
        },
    }

    def objective(params: Params, attempt: Attempt) -> float:
        train, model = params.train, params.model
        assert attempt.values["train.learning_rate"] == train.learning_rate
        attempt.report(epoch(1, 0.5))
        return 0.9 if (model.architecture, train.optimizer) == ("classic", "adam") else 0.5

    done = study.run(20, objective, params=params_of({"space": space}))
    drawn = {(values["model.architecture"], values["train.optimizer"]) for values in study.values}
    assert drawn == {("fast", "muon"), ("fast", "sgd"), ("classic", "sgd"), ("classic", "adam")}
    for values in study.values:
        assert ("model.hidden" in values) == (values["model.architecture"] == "classic")
        assert (values["train.learning_rate"] <= 0.01) == (values["train.optimizer"] == "adam")
    assert study.values[0]["train.learning_rate"] == 0.12, "the defaults"
    best = best_values(done)
    assert (best["model"]["architecture"], best["train"]["optimizer"]) == ("classic", "adam")
    tuned = load_params(PARAMS, best)
    assert tuned.train.learning_rate == best["train"]["learning_rate"] <= 0.01
    table = trials_table(done)
    assert table["train.learning_rate"].notna().all(), "one column, whichever leaf it was"
    assert table["model.hidden"].isna().any()


def test_the_best_of_the_study_before_comes_second(tmp_path: Path) -> None:
    before = Study(tmp_path / "study.db")
    done = before.run(6, lambda params, attempt: params.train.learning_rate / 2)
    after = Study(tmp_path / "study.db")
    params = params_of({"epochs": 2})
    study = open_study(f"sqlite:///{after.path}", "another", params=params, about={"data_name": "digits"})
    fixed = [trial.system_attrs["fixed_params"] for trial in study.trials]
    assert len(fixed) == 2
    assert fixed[0]["train.learning_rate"] == 0.12
    assert fixed[1] == done.best_params != fixed[0]
    other = open_study(f"sqlite:///{after.path}", "third", params=params, about={"data_name": "cifar10"})
    assert len(other.trials) == 1, "what was best for other data says nothing"


def test_no_trial_begins_when_the_time_is_over(study: Study) -> None:
    def slow(params: Params, attempt: Attempt) -> float:
        time.sleep(0.2)
        return quick(params, attempt)

    done = study.run(100, slow, minutes=0.01)
    count = finished_trials(done)
    assert 1 <= count <= 4
    took = [trial.user_attrs["ended"] - trial.user_attrs["began"] for trial in done.trials]
    assert sum(took[:-1]) < 0.6 <= sum(took) == pytest.approx(searched_seconds(done))
    assert finished_trials(study.run(100, slow, minutes=0.01)) == count, "also over another run"
    longer = (searched_seconds(done) + 0.6) / 60  # however long the last took
    assert finished_trials(study.run(100, slow, minutes=longer)) > count
    assert set(trials_table(study.open(params_of({"trials": 100})))["state"]) == {"complete"}


def test_a_worker_joins_only_the_study_of_its_own_params_data_and_code(tmp_path: Path) -> None:
    storage, params = f"sqlite:///{tmp_path / 'studies.db'}", params_of({"trials": 1})
    about = {
        "data_name": "digits",
        "settings": {"train": {"optimizer": "muon"}},
        "code": {"darkroom.data.augmentation": "a"},
    }
    with pytest.raises(ValueError, match="no study digits-1 yet: begin it with `dvc repro tune`"):
        join_study(storage, "digits-1", params=params, about=about)
    study = open_study(storage, "digits-1", params=params, about=about)
    mine = about | {"settings": {"train": {"optimizer": "sgd"}}, "code": {"darkroom.data.augmentation": "b"}}
    with pytest.raises(ValueError, match="digits-1 rests on something else than this checkout") as refused:
        join_study(storage, "digits-2", params=params, about=mine)
    assert "settings.train.optimizer is sgd here and muon there" in str(refused.value)
    assert "code.darkroom.data.augmentation is b here and a there" in str(refused.value)
    joined = join_study(storage, "digits-1", params=params, about=about)
    work(joined, params=params, objective=quick, folder=tmp_path)
    assert finished_trials(study) == 1


def test_a_storage_that_cannot_be_opened_is_named_without_its_password() -> None:
    with pytest.raises(ValueError, match=r"storage .*cannot be opened|make install-postgres") as refused:
        open_study("postgresql+psycopg://someone:secret@127.0.0.1:1/none", "study", params=params_of())
    assert "secret" not in str(refused.value)


# The workers below are forked by a process that has imported all and opened nothing: SQLite does not go
# through a fork. What is killed is a process of its own.
FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["tests.tuning.test_study"])


def search(path: Path, folder: Path, params: Params, seconds: float) -> None:
    """Work on the study in a file with epochs of so many seconds."""

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
    work(study, params=params, objective=objective, folder=folder)


def start_worker(path: Path, folder: Path, params: Params, seconds: float = 0.02) -> Any:
    """Start a process that searches."""
    folder.mkdir(exist_ok=True)
    worker = FORK.Process(target=search, args=(path, folder, params, seconds), daemon=True)
    worker.start()
    return worker


def test_killed_at_random_moments_three_workers_come_to_the_exact_total(tmp_path: Path) -> None:
    path, folder, params = (
        tmp_path / "study.db",
        tmp_path / "folder",
        params_of({"trials": 12, "pruner": "asha"}),
    )
    study = open_study(f"sqlite:///{path}", "study", params=params)
    seed = secrets.randbits(32)
    print(f"the moments are drawn with seed {seed}")  # shown where the test fails
    chance = random.Random(seed)
    workers = [start_worker(path, folder, params) for _ in range(3)]
    for kill in range(16):
        time.sleep(chance.uniform(0.0, 0.25))
        if is_over(study):
            break
        hit = workers if kill % 8 == 7 else [chance.choice(workers)]  # now and then all of them
        for worker in list(hit):
            worker.kill()
            worker.join()
            workers.remove(worker)
        while len(workers) < 3 and not is_over(study):
            workers.append(start_worker(path, folder, params))
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    if not is_over(study):  # the last were killed
        search(path, folder, params, 0.0)
    states = Counter(trial.state for trial in study.trials)
    assert states[TrialState.COMPLETE] + states[TrialState.PRUNED] == 12, states
    assert states[TrialState.RUNNING] == states[TrialState.WAITING] == 0
    table = trials_table(study)
    assert set(table["state"]) <= {"complete", "pruned", "killed", "failed"}
    assert kill >= 5
    for trial in study.trials:
        assert sorted(trial.intermediate_values) == list(range(1, len(trial.intermediate_values) + 1))
    trained = Counter((folder / "epochs").read_text().splitlines())
    again = sum(count - 1 for count in trained.values())
    assert again <= (table["state"] == "killed").sum(), "one epoch is lost at most where a worker is killed"


def test_of_another_machine_the_heartbeat_tells_who_lives(tmp_path: Path) -> None:
    path, params = tmp_path / "study.db", params_of({"trials": 2, "dead_after": 3})
    study = open_study(f"sqlite:///{path}", "study", params=params)
    killed = start_worker(path, tmp_path / "killed", params, 60)
    slow = start_worker(path, tmp_path / "slow", params, 1.8)  # longer in a trial than it may be silent
    eventually(
        lambda: len([trial for trial in study.get_trials() if "began" in trial.user_attrs]) == 2,
        "both work at a trial",
    )
    killed.kill()
    here = start_worker(path, tmp_path / "here", params)
    for worker in (slow, here):
        worker.join(60)
        assert worker.exitcode == 0
    table = trials_table(study).set_index("trial")
    assert list(table["state"]).count("complete") == 2
    assert list(table["state"]).count("killed") == 1
    assert finished_trials(study) == 2
    assert len((tmp_path / "slow" / "epochs").read_text().splitlines()) == 3, "it was left alone"


def test_a_trial_that_kills_its_workers_is_given_up(tmp_path: Path) -> None:
    path, params = tmp_path / "study.db", params_of({"trials": 2})
    study = open_study(f"sqlite:///{path}", "study", params=params)
    for _ in range(DEATHS):
        worker = start_worker(path, tmp_path / "folder", params, 60)
        eventually(
            lambda: any(
                len(trial.params) == 3 and "began" in trial.user_attrs
                for trial in study.get_trials(states=(TrialState.RUNNING,))
            ),
            "a worker works at a trial",
        )
        worker.kill()
        worker.join()
        release_dead(study, tmp_path / "folder", dead_after=60)
    search(path, tmp_path / "folder", params, 0.0)
    table = trials_table(study)
    assert list(table["state"]) == ["killed", "killed", "failed", "complete", "complete"]
    assert table["reason"][2] == "3 workers died in epoch 1"
    assert len(set(table["train.learning_rate"][:3])) == 1, "tried again with its values"
