"""A study is opened with the values it tries first, and joined by workers of the same code."""

from pathlib import Path
from typing import Any

import pytest

from darkroom.tuning.budget import finished_trials
from darkroom.tuning.study import join_study, open_study
from darkroom.tuning.trial_loop import run_trials
from tests.helpers.tuning import Study, params_of, quick


def test_the_first_trial_takes_the_values_of_params_yaml(study: Study) -> None:
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


def test_the_second_trial_takes_the_best_values_of_the_newest_earlier_study(tmp_path: Path) -> None:
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
    assert len(other.trials) == 1, "studies of other data are no hint"


def test_a_worker_joins_only_a_study_of_the_same_params_data_and_code(tmp_path: Path) -> None:
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
    run_trials(joined, params=params, objective=quick, folder=tmp_path)
    assert finished_trials(study) == 1
