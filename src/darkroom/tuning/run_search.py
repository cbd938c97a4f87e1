"""A search from its beginning to its result."""

import shutil
from collections.abc import Sequence

import optuna
from tqdm import tqdm

from darkroom.stopping import Stopped
from darkroom.tracking import runs
from darkroom.tuning.budget import finished_trials, progress_text
from darkroom.tuning.engines import run_workers
from darkroom.tuning.results import SearchResult, search_result
from darkroom.tuning.search import Search
from darkroom.tuning.study import open_study


def run_search(search: Search, worker_command: Sequence[str]) -> SearchResult:
    """Begin the study, or continue it, until its budget is used up; return what it found.

    The search is one run in MLflow, and each trial one below it. `worker_command` starts a further worker
    in the checkout. Raises Stopped on a signal, StudyError if the storage cannot be reached or no trial
    completed, and WorkerError if workers fail.
    """
    params = search.params
    study = open_study(search.places.storage, search.study, params=params, about=search.about)
    if finished_trials(study):
        print(f"continuing a study with {finished_trials(study)} finished trials")
    with runs.open_run(
        search.places.tracking_uri,
        params.data.name,
        name="tune",
        run_id=study.user_attrs.get("run_id"),
        tags={"stage": "tune", "study": search.study},
    ) as run_id:
        study.set_user_attr("run_id", run_id)  # workers log their trials below it
        runs.log_params({"seed": params.seed, **search.settings["tune"]})
        try:
            _run_workers_with_bar(search, study, worker_command)
        except Stopped as stopped:
            raise Stopped(stopped.signal, stopped.done or progress_text(study)) from None
        best_by = params.train.best_by
        result = search_result(study, experiment=params.data.name, best_by=best_by)
        runs.log_metrics({f"best_validation_{best_by}": study.best_value})
    shutil.rmtree(search.folder, ignore_errors=True)
    return result


def _run_workers_with_bar(search: Search, study: optuna.Study, worker_command: Sequence[str]) -> None:
    total, started = search.params.tune.trials, finished_trials(study)
    with tqdm(total=total, initial=started, unit="trial", disable=None) as bar:

        def progress() -> int:
            finished = finished_trials(study)
            if finished != bar.n:
                bar.update(finished - bar.n)
            return finished

        run_workers(search, worker_command, progress=progress)
