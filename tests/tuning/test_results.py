"""The best values and the tables of a study."""

import pytest

from darkroom.config.loading import load_params
from darkroom.config.params import Params
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.errors import Pruned
from darkroom.tuning.results import best_values
from darkroom.tuning.trials_table import trials_table
from tests.helpers.training import PARAMS
from tests.helpers.tuning import Study


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
