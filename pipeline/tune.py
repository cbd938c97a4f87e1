"""Search params.yaml's space on training and validation images; the best values go to models/tuned.json.

The stage begins the study, or goes on with it, and runs `tune.workers` workers. Each of more is started by
`python -m pipeline.tune --worker`, on any machine with the same checkout, data and OPTUNA_STORAGE.
"""

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from darkroom.config import Params, override
from darkroom.data.splits import Meta, Split, open_split, read_meta, split_sha256
from darkroom.files import atomic_write, write_json, write_table
from darkroom.models.hardware import choose_device, choose_precision, set_threads
from darkroom.tracking import runs
from darkroom.training.fingerprint import fingerprint, fingerprinted
from darkroom.training.history import Epoch
from darkroom.training.loop import fit
from darkroom.training.resolution import shrink_split
from darkroom.training.start import model_config, new_classifier
from darkroom.tuning import ray_cluster, worker_processes
from darkroom.tuning.objective import Attempt, Pruned, StudyError, failure
from darkroom.tuning.results import best_values, check_result, study_view, trials_table
from darkroom.tuning.study import join_study, open_study
from darkroom.tuning.trial_states import finished_trials, is_over
from darkroom.tuning.work import work
from pipeline import CHECKPOINTS, DATA, REPORTS, ROOT, TRAINING, TUNED, read_params, tracking_uri

# what a trial's training does without, or takes from `tune`
BUDGET = {
    "patience": 1_000_000,
    "low_resolutions": (),
    "hardest_share": 1.0,
    "use_validation": False,
    "processes": 1,
    "images": 0,
}
# a study goes on with other values of these
FREE = {
    "train": {"epochs", "threads", *BUDGET},
    "tune": {"trials", "minutes", "workers", "engine", "dead_after"},
}


@dataclass(frozen=True)
class Search:
    """What the workers of a study have in common."""

    params: Params
    study: str
    about: dict[str, Any]  # what the study rests on
    settings: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where this machine keeps the checkpoints of trials under way."""
        return CHECKPOINTS / f"tune-{self.study.rpartition('-')[2]}"


def main() -> None:
    """Run the stage, or a worker of it."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.tune", description=__doc__)
    parser.add_argument("--worker", action="store_true", help="help with the study that was begun elsewhere")
    parser.add_argument("--owned", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped: the next run goes on"))
    if options.owned:
        worker_processes.end_with_parent()
    if options.worker:
        run_worker(by_hand=not options.owned)
        return
    params = read_params()
    if params.tune.trials == 0:
        write_json(TUNED, {})
        write_json(REPORTS / "tune.json", {"trials": 0})
        with atomic_write(REPORTS / "trials.csv") as file:
            file.write(b"trial,state,validation_accuracy,epochs,images,seconds,reason\n")
        show_study(None, params.data.name)
        print("tune.trials is 0: training takes params.yaml as it is")
        return
    try:
        run_study(prepare(params))
    except KeyboardInterrupt as stop:
        raise SystemExit("stopped: the next run goes on") from stop
    except (StudyError, worker_processes.WorkerError) as error:
        raise SystemExit(str(error)) from error


def prepare(params: Params) -> Search:
    """Find out which study the parameters, the data and this code belong to."""
    settings = params.model_dump(mode="json", include=TRAINING | {"tune"})
    for group, names in FREE.items():
        settings[group] = {name: value for name, value in settings[group].items() if name not in names}
    data = [split_sha256(DATA / part) for part in ("train", "validation")]
    return Search(
        params=params,
        study=f"{params.data.name}-{fingerprint(settings, data)}",
        about={"data_name": params.data.name, **fingerprinted(settings, data)},
        settings=settings,
    )


def study_storage() -> str:
    """Return the URL of the studies' storage: OPTUNA_STORAGE, else sqlite in .checkpoints."""
    return os.environ.get("OPTUNA_STORAGE") or f"sqlite:///{CHECKPOINTS / 'studies.db'}"


def run_study(search: Search) -> None:
    """Take the study to its total with this machine's workers, and write what was found."""
    params = search.params
    study = open_study(study_storage(), search.study, params=params, about=search.about)
    if finished_trials(study):
        print(f"going on with a study of {finished_trials(study)} finished trials")
    tags = {"stage": "tune", "study": search.study}
    known = study.user_attrs.get("run_id")
    with runs.open_run(tracking_uri(), params.data.name, name="tune", run_id=known, tags=tags) as run_id:
        study.set_user_attr("run_id", run_id)  # so that workers show their trials below it
        runs.log_params({"seed": params.seed, **search.settings["tune"]})
        with tqdm(
            total=params.tune.trials, initial=finished_trials(study), unit="trial", disable=None
        ) as bar:

            def progress() -> int:
                done = finished_trials(study)
                if done != bar.n:
                    bar.update(done - bar.n)
                return done

            if params.tune.workers == 1 and params.tune.engine == "processes":
                run_worker(search, after_trial=progress)
            else:
                run_workers(search, progress)
        check_result(study)
        table = trials_table(study)
        write_table(REPORTS / "trials.csv", table)
        states = table["state"].value_counts()
        write_json(
            REPORTS / "tune.json",
            {
                "study": search.study,
                "trials": finished_trials(study),
                "pruned": int(states.get("pruned", 0)),
                "failed": int(states.get("failed", 0)),
                "best_trial": study.best_trial.number,
                "best_validation_accuracy": study.best_value,
            },
        )
        runs.log_metrics({"best_validation_accuracy": study.best_value})
        runs.log_files(REPORTS / "trials.csv", *show_study(study_view(study), search.study))
    write_json(TUNED, best_values(study))
    shutil.rmtree(search.folder, ignore_errors=True)
    short = params.tune.trials - finished_trials(study)
    if short > 0:
        spent = "as many failed" if states.get("failed", 0) >= params.tune.trials else "the time is over"
        print(f"{short} of {params.tune.trials} trials were not made: {spent}")
    print(
        f"best of {finished_trials(study)} trials: {study.best_value:.2%} validation accuracy with "
        f"{study.best_params}"
    )


def show_study(view: Any, name: str) -> list[Path]:
    """Write the study's images and its page; return their paths."""
    # only now: what a study rests on are the modules that its workers load, and no image is among them
    from darkroom.reporting.study_page import write_study

    return write_study(REPORTS, view, title=f"study {name}")


def run_workers(search: Search, progress: Callable[[], int]) -> None:
    """Start and watch `tune.workers` workers, here or on the cluster."""
    tune = search.params.tune
    if tune.engine == "ray":
        storage = study_storage()
        ray_cluster.connect(shared_storage=not storage.startswith("sqlite"))
        uri = tracking_uri()
        environment = {"OPTUNA_STORAGE": storage, "MLFLOW_TRACKING_URI": uri}
        cores = threads_of(search.params)
        cards = int(search.params.train.device == "cuda")
        try:
            worker_processes.watch(
                lambda number: ray_cluster.Task(ROOT, cores=cores, cards=cards, environment=environment),
                tune.workers,
                progress=progress,
            )
        finally:
            ray_cluster.disconnect()
        return
    cards = torch.cuda.device_count() if search.params.train.device in ("auto", "cuda") else 0
    worker_processes.watch(
        lambda number: worker_processes.Process(
            [sys.executable, "-m", "pipeline.tune", "--worker", "--owned"],
            folder=ROOT,
            log=search.folder / f"worker-{number}.log",
            environment=worker_processes.graphics_card(number, cards),
        ),
        tune.workers,
        progress=progress,
    )


def run_worker(
    search: Search | None = None, *, by_hand: bool = False, after_trial: Callable[[], Any] = lambda: None
) -> None:
    """Run trials in this process until the study needs no more; it is joined, and must have been begun."""
    search = search or prepare(read_params())
    params = search.params
    set_threads(params.train.threads, processes=params.tune.workers)
    device, device_reason = choose_device(params.train.device)
    precision, precision_reason = choose_precision(params.train.precision, device)
    print(f"device {device_reason}; precision {precision_reason}; {torch.get_num_threads()} thread(s)")
    try:
        study = join_study(study_storage(), search.study, params=params, about=search.about)
    except StudyError as error:
        raise SystemExit(str(error)) from error
    if by_hand and is_over(study):
        raise SystemExit(
            f"study {search.study} has come to its end: raise tune.trials where it was begun to go on"
        )
    meta = read_meta(DATA / "meta.json")
    train = open_split(DATA / "train").first(params.tune.images)
    validation = open_split(DATA / "validation")
    if params.tune.resolution:
        train, validation = (shrink_split(split, params.tune.resolution) for split in (train, validation))
    parent = study.user_attrs.get("run_id")

    def objective(changed: Params, attempt: Attempt) -> float:
        attempt.note("images", len(train))  # an epoch
        with trial_run(attempt, search, parent):
            return train_trial(
                changed,
                attempt,
                train=train,
                validation=validation,
                meta=meta,
                device=device,
                precision=precision,
                checkpoints=search.folder / f"trial-{attempt.first}",
            )

    def on_trial(first: int) -> None:
        shutil.rmtree(search.folder / f"trial-{first}", ignore_errors=True)
        after_trial()

    work(study, params=params, objective=objective, folder=search.folder, on_trial=on_trial)


@contextmanager
def trial_run(attempt: Attempt, search: Search, parent: str | None) -> Iterator[None]:
    """Show a trial as a run below the study's; one that goes on with another has that one's run."""
    tags = {"stage": "trial", "trial": str(attempt.number), "study": search.study, "state": "running"}
    with runs.open_run(
        tracking_uri(),
        search.params.data.name,
        name=f"trial {attempt.first}",
        run_id=attempt.notes.get("run_id"),
        parent=parent,
        tags=tags,
    ) as run_id:
        attempt.note("run_id", run_id)
        runs.log_params(attempt.values)
        try:
            yield
        except Pruned as stop:
            runs.set_tags({"state": "pruned", "reason": str(stop)})
            runs.end_run_as("KILLED")
            raise
        except BaseException as error:
            reason = failure(error) or f"{type(error).__name__}: {error}"
            runs.set_tags({"state": "failed", "reason": reason})
            raise
        runs.set_tags({"state": "complete"})


def train_trial(
    params: Params,
    attempt: Attempt,
    *,
    train: Split,
    validation: Split,
    meta: Meta,
    device: torch.device,
    precision: torch.dtype,
    checkpoints: Path,
) -> float:
    """Train a trial's net on small images and return its best validation accuracy.

    Where the worker of a trial died, the one that goes on with it here goes on after its last epoch.
    """
    params = override(params, {"train": {**BUDGET, "epochs": params.tune.epochs}})
    config = model_config(params, meta) | {"height": train.images.shape[1], "width": train.images.shape[2]}

    def on_epoch(epoch: Epoch) -> None:
        losses = {"train_loss": epoch.train_loss, "validation_loss": epoch.validation_loss}
        runs.log_metrics({"validation_accuracy": epoch.validation_accuracy, **losses}, step=epoch.epoch)
        attempt.report(epoch)

    result = fit(
        new_classifier(config, train, seed=params.seed),
        train,
        validation,
        params=params,
        device=device,
        precision=precision,
        checkpoints=checkpoints,
        on_epoch=on_epoch,
    )
    assert result.best.validation_accuracy is not None, "there is a validation split"
    return result.best.validation_accuracy


def threads_of(params: Params) -> int:
    """Return how many threads of the CPU a worker has."""
    set_threads(params.train.threads, processes=params.tune.workers)
    return torch.get_num_threads()


if __name__ == "__main__":
    main()
