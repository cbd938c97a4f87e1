"""A study uses exactly the trials and the time of its budget."""

from types import SimpleNamespace

import pytest

from darkroom.config import Params
from darkroom.tuning import budget, trial_loop
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.budget import finished_trials, searched_seconds
from darkroom.tuning.trials_table import trials_table
from tests.helpers.tuning import Study, params_of, quick


@pytest.mark.integration  # takes seconds
def test_a_study_runs_to_its_total_and_continues_to_a_higher_one(study: Study) -> None:
    assert finished_trials(study.run(3)) == 3
    assert finished_trials(study.run(5)) == 5
    assert len(study.values) == 5, "the first three are not repeated"
    assert finished_trials(study.run(5)) == 5
    assert finished_trials(study.run(2)) == 5
    assert len(study.values) == 5, "nothing was left to do"


def test_no_trial_begins_when_the_time_is_over(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    for module in (budget, trial_loop):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now))

    def half_a_minute(params: Params, attempt: Attempt) -> float:
        nonlocal now
        now += 30
        return quick(params, attempt)

    done = study.run(100, half_a_minute, minutes=1.2)
    assert finished_trials(done) == 3, "the third begins after a minute, and ends"
    assert searched_seconds(done) == 90
    now += 3600  # between two runs nothing is searched
    assert finished_trials(study.run(100, half_a_minute, minutes=1.5)) == 3, "all runs count, and it is over"
    assert finished_trials(study.run(100, half_a_minute, minutes=1.6)) == 4
    assert set(trials_table(study.open(params_of({"trials": 100})))["state"]) == {"complete"}
