"""Random search of full trials beside the tuner of params.yaml: best validation accuracy against compute.

`make bench-tune` runs it; `python -m benchmarks.tuning --help` shows the options. Both search
benchmarks/tuning.yaml's space on CIFAR-10: a small net on 8,000 training images of 20 pixels, the 5,000
validation images deciding. Compute is counted in training images, in units of one full trial, so that
other load on the machine does not matter. Random search is a pool of trials drawn independently, each
trained to its end: any part of it is a random search of that length. Ours is the project's own engine with
the sampler and the pruner of params.yaml, one search per seed. What a search found is trained anew with
other seeds and validated on 10,000 training images that no trial has seen, because the best of many noisy
figures is partly luck. The test images are not read. Results are added to a file as they come; --resume
continues it.
"""

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import optuna

from benchmarks.training import machine
from benchmarks.tuning_report import draw, statement, table
from benchmarks.tuning_searches import (
    SEARCHES,
    default_search,
    random_trial,
    search,
    search_params,
    train_winner,
)
from benchmarks.tuning_statistics import (
    summarise,
    winners,
)
from darkroom.files import read_json, write_json
from darkroom.machine import cores
from darkroom.models.hardware import set_threads
from pipeline import ROOT

RESULTS = Path(__file__).parent / "results" / "tuning.json"
FIGURE = ROOT / "docs" / "tuning.png"
ABOUT = {
    "sampler",
    "pruner",
    "min_epochs",
    "reduction_factor",
    "startup_trials",
}  # of tune, kept with a search

Task = tuple[Any, ...]
"""Its kind (random, search or winner), and the arguments of that."""


def main() -> None:
    """Run what the results file lacks, print the table, and write it and its figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pool", type=int, default=96, help="full trials drawn at random (default 96)")
    parser.add_argument("--length", type=int, default=48, help="trials of a full random search (default 48)")
    parser.add_argument("--seeds", type=int, default=6, help="of each search, from 0 (default 6)")
    parser.add_argument(
        "--budget", type=float, default=13, help="of each search, in full trials (default 13)"
    )
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, metavar="NAME",
                        help=f"default: that of params.yaml; {', '.join(SEARCHES)}")  # fmt: skip
    parser.add_argument("--again", type=int, default=2, help="seeds with which a winner is trained anew")
    parser.add_argument("--workers", type=int, default=cores().count, help="trainings at a time")
    parser.add_argument("--quick", action="store_true", help="the digits, in seconds: to check that it runs")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--image", type=Path, default=FIGURE)
    parser.add_argument("--resume", action="store_true", help="continue the results file")
    run_all(parser.parse_args())


def run_all(arguments: argparse.Namespace) -> None:
    """Run the pool and the searches, then train their winners anew; write after each."""
    results = _open_results(arguments)
    _run_tasks(_missing_searches(results, arguments), results, arguments)
    results["summary"] = summarise(results, length=arguments.length)
    _run_tasks(_missing_winners(results, arguments), results, arguments)
    results["summary"] = summarise(results, length=arguments.length)
    results["random"].sort(key=lambda run: run["number"])
    write_json(arguments.results, results)
    draw(arguments.image, results, length=arguments.length)
    print("\n" + table(results["summary"]) + "\n\n" + statement(results["summary"]))


def _open_results(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the results to add to: with --resume those of the file, if they have the same setup."""
    params = search_params(quick=arguments.quick)
    tune = params.tune.model_dump(mode="json", include={"epochs", "images", "resolution", "space"})
    setup = params.model_dump(mode="json", include={"model", "augment", "train"}) | {"tune": tune}
    results: dict[str, Any] = {"setup": setup, "random": [], "searches": [], "winners": []}
    if arguments.resume and arguments.results.is_file():
        kept = read_json(arguments.results)
        if kept["setup"] == setup:
            results = kept
        else:
            print(f"{arguments.results} is of another setup: starting anew", flush=True)
    results["machine"] = machine() | {"optuna": optuna.__version__}
    results["ours"] = default_search(quick=arguments.quick)
    return results


def _missing_searches(results: Mapping[str, Any], arguments: argparse.Namespace) -> list[Task]:
    have = {run["number"] for run in results["random"]}
    tasks: list[Task] = [("random", number) for number in range(arguments.pool) if number not in have]
    for seed in range(arguments.seeds):
        for name in arguments.searches or [results["ours"]]:
            tune = search_params(quick=arguments.quick, tune=SEARCHES[name]).tune
            about = tune.model_dump(mode="json", include=ABOUT)
            if not any(
                (run["name"], run["seed"], run["about"]) == (name, seed, about)
                and run["budget"] >= arguments.budget
                for run in results["searches"]
            ):
                tasks.append(("search", name, seed, arguments.budget, about))
    return tasks


def _missing_winners(results: Mapping[str, Any], arguments: argparse.Namespace) -> list[Task]:
    tasks: list[Task] = []
    for values in winners(results, length=arguments.length):
        done = {run["seed"] for run in results["winners"] if run["values"] == values}
        tasks += [("winner", values, seed) for seed in range(1, arguments.again + 1) if seed not in done]
    return tasks


def _run_tasks(todo: Sequence[Task], results: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Run tasks in processes of one thread each; keep each result as it comes."""
    if not todo:
        return
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # read when torch is imported, by the processes
        os.environ[name] = "1"
    work_left = sum(map(_cost, todo))
    done, started = 0.0, time.monotonic()
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(run_task, task, quick=arguments.quick): task for task in todo}
        for future in as_completed(running):
            task = running[future]
            place, result = future.result()
            if place == "searches":  # one of a smaller budget
                results[place] = [
                    run
                    for run in results[place]
                    if (run["name"], run["seed"]) != (result["name"], result["seed"])
                ]
            results[place].append(result)
            write_json(arguments.results, results)
            done += _cost(task)
            left = (time.monotonic() - started) / done * (work_left - done) / 60
            print(f"{_task_result(task, result)}; about {left:.0f} min left", flush=True)


def _cost(task: Task) -> float:
    return float(task[3]) if task[0] == "search" else 1.0


def _task_result(task: Task, result: Mapping[str, Any]) -> str:
    if task[0] == "search":
        best = max(
            (max(trial["curve"]) for trial in result["trials"] if trial["state"] == "complete"), default=0
        )
        return f"{task[1]}, seed {task[2]}: {len(result['trials'])} trials, best {best:.2%}"
    if task[0] == "winner":
        return f"winner again, seed {task[2]}: {result['accuracy']:.2%}"
    return f"random trial {task[1]}: {max(result['curve'], default=0):.2%}"


def run_task(task: Task, *, quick: bool) -> tuple[str, dict[str, Any]]:
    """Run a task; return the key of the list in the results that its result belongs to, and the result."""
    set_threads(1)
    if task[0] == "random":
        return "random", random_trial(task[1], quick=quick)
    if task[0] == "search":
        _, name, seed, budget, about = task
        trials = search(name, seed=seed, budget=budget, quick=quick)
        return "searches", {"name": name, "seed": seed, "budget": budget, "about": about, "trials": trials}
    _, values, seed = task
    accuracy = train_winner(values, seed=seed, quick=quick)
    return "winners", {"values": values, "seed": seed, "accuracy": accuracy}


if __name__ == "__main__":
    main()
