"""A worker: it joins a study and runs its trials in this process."""

import shutil
from collections.abc import Callable
from typing import Any

from darkroom.config import Params
from darkroom.models.hardware import choose_hardware, set_threads
from darkroom.training.history import Epoch
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.budget import is_over
from darkroom.tuning.errors import StudyError
from darkroom.tuning.search import Search
from darkroom.tuning.study import join_study
from darkroom.tuning.trial_loop import run_trials
from darkroom.tuning.trial_runs import log_epoch, trial_run
from darkroom.tuning.trial_training import Compute, open_trial_data, train_trial


def run_worker(
    search: Search, *, refuse_finished: bool = False, after_trial: Callable[[], Any] = lambda: None
) -> None:
    """Run trials in this process until the study needs no more.

    `after_trial` is called after each of them. Raises StudyError if the study has not been created yet or,
    with `refuse_finished`, if it is already over.
    """
    params = search.params
    compute = choose_compute(params)
    study = join_study(search.places.storage, search.study, params=params, about=search.about)
    if refuse_finished and is_over(study):
        raise StudyError(f"study {search.study} is over: raise tune.trials where it was begun to continue it")
    data = open_trial_data(search.places.data, params.tune)
    study_run = study.user_attrs.get("run_id")

    def objective(changed: Params, attempt: Attempt) -> float:
        def on_epoch(epoch: Epoch) -> None:
            log_epoch(epoch)
            attempt.report(epoch)

        attempt.note("images", len(data.train))  # an epoch
        with trial_run(attempt, search, study_run):
            checkpoints = search.folder / f"trial-{attempt.first}"
            best = train_trial(changed, data, compute, checkpoints=checkpoints, on_epoch=on_epoch).best
            score = best.score(changed.train.best_by)
            assert score is not None, "trials have validation images"
            return score

    def on_trial(first: int) -> None:
        shutil.rmtree(search.folder / f"trial-{first}", ignore_errors=True)
        after_trial()

    run_trials(study, params=params, objective=objective, folder=search.folder, on_trial=on_trial)


def choose_compute(params: Params) -> Compute:
    """Set the threads of a worker, choose its device and precision, and print all three."""
    asked = params.train
    chosen = choose_hardware(asked.device, asked.precision, asked.threads, processes=params.tune.workers)
    print("device {device}; precision {precision}; {threads}".format(**chosen.reasons))
    return Compute(chosen.device, chosen.precision)


def set_worker_threads(params: Params) -> str:
    """Let this process use a worker's share of the CPU's cores; return the number of threads, in words."""
    return set_threads(params.train.threads, processes=params.tune.workers)
