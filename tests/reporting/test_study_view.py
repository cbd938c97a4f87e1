"""The view holds what the trials of a study did."""

from pathlib import Path

import optuna
import pytest

from darkroom.config.search_space import Range
from darkroom.reporting.study_view import StudyView, read_study
from darkroom.tuning.study import open_study
from darkroom.tuning.study_record import study_record
from tests.helpers.studies import conditional_study
from tests.helpers.tuning import params_of


@pytest.mark.integration
def test_the_view_holds_the_trials_and_their_curves() -> None:
    trials = conditional_study().trials
    assert len(trials) == 15, "another one was made for the failed"
    assert set(trials["state"]) >= {"complete", "failed"}
    names = {"train.optimizer", "train.learning_rate", "train.warmup", "augment.translate"}
    assert set(conditional_study().leaves) == names
    rate = conditional_study().leaves["train.learning_rate"]
    assert isinstance(rate, Range)
    assert (rate.low, rate.high, rate.log) == (0.001, 1.0, True), "holds both alternatives"
    adam = trials["train.optimizer"] == "adam"
    assert trials.loc[adam, "train.warmup"].isna().all()
    assert trials.loc[trials["train.optimizer"] == "sgd", "train.warmup"].notna().all()
    curve = conditional_study().curves[conditional_study().curves["trial"] == 0]
    assert list(curve["epoch"]) == [1, 2, 3]
    assert curve["validation_accuracy"].iloc[-1] == pytest.approx(0.5)
    best = conditional_study().best()
    assert best is not None
    complete = trials[trials["state"] == "complete"]
    assert best["validation_accuracy"] == complete["validation_accuracy"].max()


def test_tables_without_a_column_or_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="the table of trials lacks state"):
        StudyView(conditional_study().trials.drop(columns="state"), conditional_study().curves, {}, {})
    with pytest.raises(ValueError, match="the study has no trials"):
        StudyView(conditional_study().trials.head(0), conditional_study().curves, {}, {})


def test_waiting_trials_are_not_shown(tmp_path: Path) -> None:
    params = params_of({"trials": 2})
    study = open_study(f"sqlite:///{tmp_path / 'study.db'}", "study", params=params)
    assert study.get_trials(states=(optuna.trial.TrialState.WAITING,))
    with pytest.raises(ValueError, match="the study has no trials"):
        read_study(study_record(study))
