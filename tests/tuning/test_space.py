"""Trials draw their values from the space."""

import pytest

from darkroom.config import Params, load_params
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.results import best_values
from darkroom.tuning.trials_table import trials_table
from tests.helpers.training import PARAMS
from tests.helpers.tuning import Study, epoch, params_of, quick


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


@pytest.mark.integration  # takes seconds
def test_only_leaves_whose_condition_holds_are_drawn(study: Study) -> None:
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
    assert table["train.learning_rate"].notna().all(), "alternatives share a column"
    assert table["model.hidden"].isna().any()
