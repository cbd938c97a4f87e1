"""A study uses exactly the trials and the time of its budget."""

import time

import pytest

from darkroom.config import Params
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.budget import finished_trials, searched_seconds
from darkroom.tuning.trials_table import trials_table
from tests.helpers.tuning import Study, params_of, quick


def test_a_study_runs_to_its_total_and_continues_to_a_higher_one(study: Study) -> None:
    assert finished_trials(study.run(3)) == 3
    assert finished_trials(study.run(5)) == 5
    assert len(study.values) == 5, "the first three are not repeated"
    assert finished_trials(study.run(5)) == 5
    assert finished_trials(study.run(2)) == 5
    assert len(study.values) == 5, "nothing was left to do"


def test_no_trial_begins_when_the_time_is_over(study: Study) -> None:
    def slow(params: Params, attempt: Attempt) -> float:
        time.sleep(0.2)
        return quick(params, attempt)

    done = study.run(100, slow, minutes=0.01)
    count = finished_trials(done)
    assert 1 <= count <= 4
    took = [trial.user_attrs["ended"] - trial.user_attrs["began"] for trial in done.trials]
    assert sum(took[:-1]) < 0.6 <= sum(took) == pytest.approx(searched_seconds(done))
    assert finished_trials(study.run(100, slow, minutes=0.01)) == count, "the time is counted over all runs"
    longer = (searched_seconds(done) + 0.6) / 60  # however long the last took
    assert finished_trials(study.run(100, slow, minutes=longer)) > count
    assert set(trials_table(study.open(params_of({"trials": 100})))["state"]) == {"complete"}
