"""Workers are killed, and no trial is lost."""

import random
import secrets
import time
from collections import Counter
from pathlib import Path

import pytest
from optuna.trial import TrialState

from darkroom.tuning.budget import finished_trials, set_budget
from darkroom.tuning.dead_workers import release_dead
from darkroom.tuning.study import open_study
from darkroom.tuning.trial_states import MAX_DEATHS
from darkroom.tuning.trials_table import trials_table
from tests.helpers.tuning import params_of, run_worker_on, start_worker
from tests.helpers.waiting import eventually

KILLS = 10


@pytest.mark.slow
def test_three_workers_killed_at_random_moments_finish_exactly_the_total(tmp_path: Path) -> None:
    path, folder = tmp_path / "study.db", tmp_path / "folder"
    # more trials than the workers finish while they are killed, however quick the machine is
    params = params_of({"trials": 10_000, "pruner": "asha"})
    study = open_study(f"sqlite:///{path}", "study", params=params)
    seed = secrets.randbits(32)
    print(f"the moments are drawn with seed {seed}")  # shown if the test fails
    chance = random.Random(seed)
    workers = [start_worker(path, folder, params) for _ in range(3)]
    started = 3

    def all_began() -> bool:
        return len({trial.user_attrs.get("worker") for trial in study.trials} - {None}) == started

    for kill in range(KILLS):
        eventually(all_began, "each worker has begun a trial")
        time.sleep(chance.uniform(0.0, 0.1))
        hit = workers if kill % 4 == 3 else [chance.choice(workers)]  # sometimes all of them
        for worker in list(hit):
            worker.kill()
            worker.join()
            workers.remove(worker)
        while len(workers) < 3:
            workers.append(start_worker(path, folder, params))
            started += 1
    total = finished_trials(study) + 12
    set_budget(study, params_of({"trials": total}).tune)
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    states = Counter(trial.state for trial in study.trials)
    assert states[TrialState.COMPLETE] + states[TrialState.PRUNED] == total, states
    assert states[TrialState.RUNNING] == states[TrialState.WAITING] == 0
    table = trials_table(study)
    assert set(table["state"]) <= {"complete", "pruned", "killed", "failed"}
    assert (table["state"] == "killed").sum() >= 5, "the kills missed the trials"
    for trial in study.trials:
        assert sorted(trial.intermediate_values) == list(range(1, len(trial.intermediate_values) + 1))
    trained = Counter((folder / "epochs").read_text().splitlines())
    again = sum(count - 1 for count in trained.values())
    assert again <= (table["state"] == "killed").sum(), "a killed worker costs one epoch at most"


def test_the_heartbeat_decides_which_workers_of_other_machines_live(tmp_path: Path) -> None:
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
    assert len((tmp_path / "slow" / "epochs").read_text().splitlines()) == 3, "a live worker keeps its trial"


def test_a_trial_that_kills_its_workers_is_given_up(tmp_path: Path) -> None:
    path, params = tmp_path / "study.db", params_of({"trials": 2})
    study = open_study(f"sqlite:///{path}", "study", params=params)
    for _ in range(MAX_DEATHS):
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
        release_dead(study, tmp_path / "folder" / "workers", dead_after=60)
    run_worker_on(path, tmp_path / "folder", params, 0.0)
    table = trials_table(study)
    assert list(table["state"]) == ["killed", "killed", "failed", "complete", "complete"]
    assert table["reason"][2] == "3 workers died in epoch 1"
    assert len(set(table["train.learning_rate"][:3])) == 1, "tried again with its values"
