"""Bad trials are stopped early."""

from pathlib import Path

from optuna.trial import TrialState

from darkroom.config import Params
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.budget import finished_trials
from darkroom.tuning.results import best_values
from darkroom.tuning.trials_table import trials_table
from tests.helpers.tuning import Study, epoch


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
