"""The best values and the tables of a study."""

import time

import pytest

from darkroom.config import Params, load_params
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.errors import Pruned
from darkroom.tuning.results import best_values, nothing_searched, search_result
from darkroom.tuning.trials_table import COLUMNS, trials_table
from tests.helpers.training import PARAMS
from tests.helpers.tuning import Study, quick


def test_the_best_values_can_be_laid_over_params_yaml(study: Study) -> None:
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


def test_a_study_without_a_complete_trial_is_a_clear_error(study: Study) -> None:
    def objective(params: Params, attempt: Attempt) -> float:
        raise Pruned

    with pytest.raises(ValueError, match="none of 3 trials completed: narrow"):
        study.run(3, objective)


def test_without_a_search_training_takes_params_yaml() -> None:
    result = nothing_searched("digits")
    assert result.best_values == {}
    assert result.summary == {"trials": 0}
    assert list(result.trials.columns) == COLUMNS
    assert result.trials.empty
    assert (result.record["run_id"], result.record["trials"]) == (None, [])


def test_the_result_counts_trials_and_states_what_is_missing(study: Study) -> None:
    def slow(params: Params, attempt: Attempt) -> float:
        time.sleep(0.2)
        return quick(params, attempt)

    done = study.run(100, slow, minutes=0.01)
    result = search_result(done, "digits")
    count = result.summary["trials"]
    assert count == len(result.trials) == len(result.record["trials"]) >= 1
    assert result.text.startswith(
        f"{100 - count} of 100 trials were not run: the time is over\nbest of {count} "
    )
    assert result.record["study"] == result.summary["study"] == "study"
    assert result.best_values == best_values(done)
