"""A trial may fail; a mistake in the code ends the worker."""

import errno
from dataclasses import replace

import pytest
import torch
from optuna.trial import TrialState

from darkroom.config import Params
from darkroom.training.history import TrainingError
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.budget import finished_trials
from darkroom.tuning.results import search_result
from darkroom.tuning.trials_table import trials_table
from tests.helpers.tuning import Study, epoch, params_of, quick


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


def test_a_study_whose_trials_all_diverge_ends_with_an_error(study: Study) -> None:
    def objective(params: Params, attempt: Attempt) -> float:
        raise TrainingError("the loss is nan at step 1 of epoch 1")

    with pytest.raises((ValueError, TrainingError), match=r"completed|loss is nan"):
        study.run(3, objective)
    assert len(study.values) <= 10, "the study gives up"


def test_a_mistake_in_the_code_is_raised(study: Study) -> None:
    def objective(params: Params, attempt: Attempt) -> float:
        raise ZeroDivisionError("a mistake in the code")

    with pytest.raises(ZeroDivisionError):
        study.run(3, objective)


@pytest.mark.integration  # takes seconds
def test_a_full_disk_stops_the_study_and_the_next_run_repeats_its_trial(study: Study) -> None:
    tried: list[float] = []

    def objective(params: Params, attempt: Attempt) -> float:
        tried.append(params.train.learning_rate)
        if len(tried) <= 5:
            raise OSError(errno.ENOSPC, "No space left on device", "/there/epoch-00001.safetensors")
        return quick(params, attempt)

    for _ in range(5):
        with pytest.raises(OSError, match="No space left"):
            study.run(3, objective)
    done = study.run(3, objective)
    assert finished_trials(done) == 3
    assert tried[:6] == [tried[0]] * 6
    killed = trials_table(done).query("state == 'killed'")
    assert len(killed) == 5
    assert killed["reason"].str.contains("No space left on device").all()


def test_a_trial_that_runs_out_of_memory_is_a_failed_trial(study: Study) -> None:
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


@pytest.mark.integration  # takes seconds
def test_trials_are_compared_by_what_train_best_by_names(study: Study) -> None:
    def objective(params: Params, attempt: Attempt) -> float:
        for number in (1, 2, 3):
            attempt.report(replace(epoch(number, 0.9), validation_balanced_accuracy=number / 10))
        return 0.3

    params = params_of(best_by="balanced_accuracy")
    done = study.run(2, objective, params)
    assert [trial.intermediate_values for trial in done.trials] == [{1: 0.1, 2: 0.2, 3: 0.3}] * 2
    result = search_result(done, "digits", best_by=params.train.best_by)
    assert "30.00% validation balanced accuracy" in result.text
    assert result.summary["best_validation_balanced_accuracy"] == 0.3
