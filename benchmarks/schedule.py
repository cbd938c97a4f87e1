"""Search for a better schedule of the same work as params.yaml's, by the project's own tuner.

`python -m benchmarks.schedule` runs it, for about half an hour on two cores. The space is that of
benchmarks/schedule.yaml. Every trial is a whole training of 10,000 of CIFAR-10's training images, of as
many epochs, half of them at low resolution, as the floating-point operations of params.yaml's schedule
allow. What decides is the accuracy, of one view, on 20,000 images that no trial trains on. The best and
params.yaml's are then trained anew with other seeds. The test images are not read.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, wait
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from tqdm import tqdm

from benchmarks.flops import flops_by_side, planned_flops
from benchmarks.recipe import params_of_search
from benchmarks.training import machine
from darkroom.config import Params, override, read_yaml
from darkroom.config.trees import merge
from darkroom.data.splits import Meta, Split, open_split, read_meta
from darkroom.files import write_json
from darkroom.machine import cores
from darkroom.models.classifier import build_classifier
from darkroom.models.hardware import choose_device, choose_precision, set_threads
from darkroom.training.loop import fit
from darkroom.training.start import model_config, new_classifier
from darkroom.training.validation import evaluate
from darkroom.tuning.attempt import Attempt
from darkroom.tuning.budget import finished_trials
from darkroom.tuning.results import best_values, check_result
from darkroom.tuning.study import open_study
from darkroom.tuning.trial_loop import run_trials
from darkroom.tuning.trials_table import trials_table
from pipeline import DATA

RECIPE = Path(__file__).with_suffix(".yaml")
RESULTS = Path(__file__).parent / "results" / "schedule.json"
TRAINING_IMAGES, HELD_OUT = 10_000, 15_000  # of the training images; the validation images are held out too
SIDES = (20, 24)  # pixels, of the first and the second half of the epochs of low resolution


def main() -> None:
    """Search, train the best anew, print the tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="of the search (default 20)")
    parser.add_argument("--again", type=int, default=3, help="seeds by which the best is trained anew")
    parser.add_argument("--workers", type=int, default=cores().count, help="trainings at a time")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # read when torch is imported, by the processes
        os.environ[name] = "1"
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch,
        ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool,
    ):
        storage, params = f"sqlite:///{scratch}/study.db", search_params(arguments.trials)
        study = open_study(storage, "schedule", params=params)
        workers = [
            pool.submit(search, storage, arguments.trials, Path(scratch)) for _ in range(arguments.workers)
        ]
        with tqdm(total=arguments.trials, desc="search", unit="trial", disable=None) as bar:
            while wait(workers, timeout=5).not_done:
                bar.update(finished_trials(study) - bar.n)
        for worker in workers:
            worker.result()
        check_result(study)
        table, best = trials_table(study), best_values(study)
        rows: list[tuple[str, Mapping[str, Any]]] = [("params.yaml", {}), ("the best", best)]
        tasks = [(name, values, seed) for seed in range(1, arguments.again + 1) for name, values in rows]
        runs = [pool.submit(train_again, values, seed) for _, values, seed in tasks]
        found = [run.result() for run in tqdm(runs, desc="train anew", unit="training", disable=None)]
    again = {
        name: [accuracy for (task, *_), accuracy in zip(tasks, found, strict=True) if task == name]
        for name, _ in rows
    }
    results = {"machine": machine() | {"optuna": optuna.__version__}, "best": best, "again": again}
    write_json(arguments.results, {**results, "trials": table.to_dict("records")})
    print(table.to_string(index=False))
    for name, accuracies in again.items():
        each = ", ".join(f"{accuracy:.2%}" for accuracy in accuracies)
        print(f"{name}, trained anew: {statistics.fmean(accuracies):.2%} ({each})")


def search_params(trials: int) -> Params:
    """Return params.yaml with the recipe's space in the place of its own."""
    recipe = read_yaml(RECIPE)
    return params_of_search(merge(recipe, {"tune": {"trials": trials, "minutes": 0}}))


def search(storage: str, trials: int, folder: Path) -> None:
    """Run trials of the study until it has its total, on one core."""
    set_threads(1)
    params = search_params(trials)

    def objective(changed: Params, attempt: Attempt) -> float:
        return held_out_accuracy(changed)

    study = open_study(storage, "schedule", params=params)
    run_trials(study, params=params, objective=objective, folder=folder)


def train_again(values: Mapping[str, Any], seed: int) -> float:
    """Train with `values` laid over params.yaml, and another seed; return the held-out accuracy."""
    set_threads(1)
    return held_out_accuracy(override(search_params(1), merge(values, {"seed": seed})))


def held_out_accuracy(params: Params) -> float:
    """Train with `params`, for as much work as params.yaml's schedule; return the held-out accuracy."""
    train, held_out, meta = images()
    params = of_equal_work(params, train.images.shape, meta)
    device, _ = choose_device("cpu")
    precision, _ = choose_precision(params.train.precision, device)
    classifier = new_classifier(model_config(params, meta), train, seed=params.seed)
    fit(classifier, train, None, params=params, device=device, precision=precision)
    return evaluate(classifier, held_out, device=device, precision=precision).accuracy


def of_equal_work(params: Params, shape: tuple[int, ...], meta: Meta) -> Params:
    """Return `params` with the most epochs that do not cost more than params.yaml's schedule.

    `shape` is that of the training images, [N,H,W,C]. Raises ValueError where not even two epochs do.
    """
    default = search_params(1)
    budget, costs, epochs = work_of(default, shape, meta), image_costs(params, shape, meta), 1
    while planned_flops(_of_epochs(params, epochs + 1), shape[0], costs) <= budget:
        epochs += 1
    if epochs == 1:
        least = planned_flops(_of_epochs(params, 2), shape[0], costs)
        raise ValueError(
            f"two epochs of these params cost {least / 1e12:.1f} TFLOP, the whole of params.yaml's schedule "
            f"{budget / 1e12:.1f}: search smaller nets"
        )
    return _of_epochs(params, epochs)


def _of_epochs(params: Params, epochs: int) -> Params:
    low = epochs // 2
    sides = [SIDES[0]] * (low - low // 2) + [SIDES[1]] * (low // 2)
    return override(params, {"train": {"epochs": epochs, "low_resolutions": sides}})


def work_of(params: Params, shape: tuple[int, ...], meta: Meta) -> float:
    """Count the floating-point operations of a training of images of this shape, [N,H,W,C]."""
    return planned_flops(params, shape[0], image_costs(params, shape, meta))


def image_costs(params: Params, shape: tuple[int, ...], meta: Meta) -> dict[tuple[int, bool], float]:
    """Count one image's floating-point operations at each resolution of such schedules."""
    return flops_by_side(build_classifier(model_config(params, meta)), (*SIDES, 0), shape)


@cache
def images() -> tuple[Split, Split, Meta]:
    """Return the images that trials train on, those whose accuracy decides, and the data's shape."""
    train, validation = open_split(DATA / "train"), open_split(DATA / "validation")
    held_out = Split(
        np.concatenate([train.images[-HELD_OUT:], validation.images]),
        np.concatenate([train.labels[-HELD_OUT:], validation.labels]),
    )
    return train.first(TRAINING_IMAGES), held_out, read_meta(DATA / "meta.json")


if __name__ == "__main__":
    main()
