"""Random search of full trials beside the tuner of params.yaml: best validation accuracy against compute.

`make bench-tune` runs it; `python -m benchmarks.tuning --help` says what can be changed. Both search
benchmarks/tuning.yaml's space on CIFAR-10: a small net on 8,000 training images of 20 pixels, the 5,000
validation images deciding. Compute is counted in training images, in units of one full trial, so that
it does not matter what else the machine does. Random search is a pool of trials drawn independently, each
trained to its end: any part of it is a random search of that length. Ours is the project's own engine with
the sampler and the pruner of params.yaml, once a seed. What a search found is trained anew with other
seeds and validated on 10,000 training images that no trial has seen, because the best of many noisy
figures is partly luck. The test images are not read. Results are added to a file as they come: --resume
goes on with them.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import yaml
from matplotlib import style
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from benchmarks.recipe import params_of_search
from darkroom.config import Params, override
from darkroom.config.trees import merge
from darkroom.data.splits import Meta, Split, open_split, read_meta
from darkroom.files import atomic_write, read_json, write_json
from darkroom.models.hardware import choose_device, choose_precision, set_threads
from darkroom.reporting.figures.style import DEEP, ORANGE, PALE, SOFT, STYLE, percent_tick
from darkroom.tracking import lineage
from darkroom.training.history import Epoch, TrainingError
from darkroom.training.loop import fit
from darkroom.training.resolution import shrink_split
from darkroom.training.start import model_config, new_classifier
from darkroom.tuning.objective import Attempt, Pruned
from darkroom.tuning.sampling import nested, suggest
from darkroom.tuning.study import open_study
from darkroom.tuning.work import work
from pipeline import DATA, ROOT
from pipeline.tune import BUDGET

RECIPE = Path(__file__).with_suffix(".yaml")
RESULTS = Path(__file__).parent / "results" / "tuning.json"
IMAGE = ROOT / "docs" / "tuning.png"
UNSEEN = 10_000  # of the last training images, for the winners alone
# by name what of params.yaml's tune is other; --searches names those that are run
SEARCHES: dict[str, dict[str, Any]] = {
    f"{sampler}, {pruner}": {"sampler": sampler, "pruner": pruner}
    for sampler in ("tpe", "random")
    for pruner in ("asha", "hyperband", "median", "none")
}
POOL_SEED = 1000  # of the first trial of random search
RESAMPLES = 2000


class _SpentError(Exception):
    """A search has had its compute."""


def main() -> None:
    """Run what is not there yet, print the table, and write it and its image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pool", type=int, default=96, help="full trials drawn by chance (default 96)")
    parser.add_argument("--length", type=int, default=48, help="trials of a full random search (default 48)")
    parser.add_argument("--seeds", type=int, default=6, help="of each search, from 0 (default 6)")
    parser.add_argument(
        "--budget", type=float, default=13, help="of each search, in full trials (default 13)"
    )
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, metavar="NAME",
                        help=f"default: that of params.yaml; {', '.join(SEARCHES)}")  # fmt: skip
    parser.add_argument("--again", type=int, default=2, help="seeds by which a winner is trained anew")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="trainings at a time")
    parser.add_argument("--quick", action="store_true", help="the digits, in seconds: to see that it runs")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--image", type=Path, default=IMAGE)
    parser.add_argument("--resume", action="store_true", help="go on with the results that are there")
    options = parser.parse_args()
    run_all(options)


def run_all(options: argparse.Namespace) -> None:
    """Run the pool and the searches, then train their winners anew; write after each."""
    ours = ours_name(quick=options.quick)
    settings = search_params(quick=options.quick).model_dump(
        mode="json", include={"model", "augment", "train"}
    )
    tune = search_params(quick=options.quick).tune
    setup = {
        **settings,
        "tune": tune.model_dump(mode="json", include={"epochs", "images", "resolution", "space"}),
    }
    results: dict[str, Any] = {"setup": setup, "random": [], "searches": [], "winners": []}
    if options.resume and options.results.is_file():
        kept = read_json(options.results)
        if kept["setup"] == setup:
            results = kept
        else:
            print(f"{options.results} is of another setup: beginning anew", flush=True)
    results["machine"], results["ours"] = about_machine(), ours
    have = {run["number"] for run in results["random"]}
    todo: list[tuple[Any, ...]] = [("random", number) for number in range(options.pool) if number not in have]
    for seed in range(options.seeds):
        for name in options.searches or [ours]:
            tuner = search_params(quick=options.quick, tune=SEARCHES[name]).tune.model_dump(mode="json")
            about = {
                key: tuner[key]
                for key in ("sampler", "pruner", "min_epochs", "reduction_factor", "startup_trials")
            }
            if not any(
                (run["name"], run["seed"], run["about"]) == (name, seed, about)
                and run["budget"] >= options.budget
                for run in results["searches"]
            ):
                todo.append(("search", name, seed, options.budget, about))
    _run_tasks(todo, results, options)
    results["summary"] = summarise(results, length=options.length)
    todo = []
    for values in winners(results, length=options.length):
        done = {run["seed"] for run in results["winners"] if run["values"] == values}
        todo += [("winner", values, seed) for seed in range(1, options.again + 1) if seed not in done]
    _run_tasks(todo, results, options)
    results["summary"] = summarise(results, length=options.length)
    results["random"].sort(key=lambda run: run["number"])
    write_json(options.results, results)
    draw(options.image, results, length=options.length)
    print("\n" + table(results["summary"]) + "\n\n" + told(results["summary"]))


# --- running -----------------------------------------------------------------------------------------


def _run_tasks(todo: Sequence[tuple[Any, ...]], results: dict[str, Any], options: argparse.Namespace) -> None:
    """Run tasks in processes of one thread each; keep each result as it comes."""
    if not todo:
        return
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # read when torch is imported, by the processes
        os.environ[name] = "1"
    work_left = sum(map(_cost, todo))
    done, started = 0.0, time.monotonic()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(run_task, task, quick=options.quick): task for task in todo}
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
            write_json(options.results, results)
            done += _cost(task)
            left = (time.monotonic() - started) / done * (work_left - done) / 60
            print(f"{_told_task(task, result)}; about {left:.0f} min left", flush=True)


def about_machine() -> dict[str, Any]:
    """Say what it ran on."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": lineage.commit(ROOT),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "optuna": optuna.__version__,
    }


def _cost(task: tuple[Any, ...]) -> float:
    return float(task[3]) if task[0] == "search" else 1.0


def _told_task(task: tuple[Any, ...], result: Mapping[str, Any]) -> str:
    if task[0] == "search":
        best = max(
            (max(trial["curve"]) for trial in result["trials"] if trial["state"] == "complete"), default=0
        )
        return f"{task[1]}, seed {task[2]}: {len(result['trials'])} trials, best {best:.2%}"
    if task[0] == "winner":
        return f"winner again, seed {task[2]}: {result['accuracy']:.2%}"
    return f"random trial {task[1]}: {max(result['curve'], default=0):.2%}"


def run_task(task: tuple[Any, ...], *, quick: bool) -> tuple[str, dict[str, Any]]:
    """Run a task; return which list of the results its result belongs to, and that."""
    set_threads(1)
    if task[0] == "random":
        return "random", random_trial(task[1], quick=quick)
    if task[0] == "search":
        _, name, seed, budget, about = task
        trials = search(name, seed=seed, budget=budget, quick=quick)
        return "searches", {"name": name, "seed": seed, "budget": budget, "about": about, "trials": trials}
    _, values, seed = task
    train, _, unseen, meta = images(quick=quick)
    params = override(search_params(quick=quick), merge(nested(values), {"seed": seed}))
    curve: list[float] = []
    train_trial(params, train, unseen, meta, lambda epoch: curve.append(epoch.validation_accuracy or 0.0))
    return "winners", {"values": values, "seed": seed, "accuracy": curve[-1]}


def random_trial(number: int, *, quick: bool) -> dict[str, Any]:
    """Draw a trial by chance and train it to its end; return its values and its accuracy after each epoch."""
    params = search_params(quick=quick)
    drawn = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=POOL_SEED + number)).ask()
    values = suggest(drawn, params.tune.space)
    train, validation, _, meta = images(quick=quick)
    curve: list[float] = []
    try:
        train_trial(
            override(params, nested(values)),
            train,
            validation,
            meta,
            lambda epoch: curve.append(epoch.validation_accuracy or 0.0),
        )
    except TrainingError as error:
        return {"number": number, "values": values, "curve": curve, "failed": str(error)}
    return {"number": number, "values": values, "curve": curve}


def search(name: str, *, seed: int, budget: float, quick: bool) -> list[dict[str, Any]]:
    """Search by the project's engine until so many full trials' images were trained; return its trials.

    They are in the order in which they were made, each with its values, state, and accuracy after each epoch.
    """
    params = search_params(
        quick=quick, tune=SEARCHES[name] | {"trials": 1_000_000, "minutes": 0, "workers": 1}
    )
    params = override(params, {"seed": seed})
    train, validation, _, meta = images(quick=quick)
    trials: list[dict[str, Any]] = []

    def objective(changed: Params, attempt: Attempt) -> float:
        trial: dict[str, Any] = {"values": dict(attempt.values), "state": "failed", "curve": []}
        trials.append(trial)

        def on_epoch(epoch: Epoch) -> None:
            trial["curve"].append(epoch.validation_accuracy)
            attempt.report(epoch)

        try:
            # the net and the order of the images are those of the random trials: seed 0
            train_trial(override(changed, {"seed": 0}), train, validation, meta, on_epoch)
        except Pruned:
            trial["state"] = "pruned"
            raise
        trial["state"] = "complete"
        return float(max(trial["curve"]))

    def on_trial(first: int) -> None:
        if sum(len(trial["curve"]) for trial in trials) >= budget * params.tune.epochs:
            raise _SpentError

    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        study = open_study(f"sqlite:///{scratch}/study.db", f"seed-{seed}", params=params)
        try:
            work(study, params=params, objective=objective, folder=Path(scratch), on_trial=on_trial)
        except _SpentError:
            return trials
    raise RuntimeError(f"the search ended after {len(trials)} trials, before its compute was spent")


def train_trial(params: Params, train: Split, validation: Split, meta: Meta, on_epoch: Any) -> None:
    """Train as the tune stage trains a trial, on one core."""
    params = override(params, {"train": {**BUDGET, "epochs": params.tune.epochs}})
    device, _ = choose_device("cpu")
    config = model_config(params, meta) | {"height": train.images.shape[1], "width": train.images.shape[2]}
    fit(
        new_classifier(config, train, seed=params.seed),
        train,
        validation,
        params=params,
        device=device,
        precision=choose_precision(params.train.precision, device)[0],
        on_epoch=on_epoch,
    )


def search_params(*, quick: bool, tune: Mapping[str, Any] | None = None) -> Params:
    """Return params.yaml with the benchmark's net, trials and space laid over it."""
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    if quick:
        digits = {
            "data": {"name": "digits"},
            "model": {"widths": [8, 8], "views": 1},
            "augment": {"flip": "none"},
            "tune": {"epochs": 3, "images": 200, "resolution": 0, "startup_trials": 2},
        }
        recipe = merge(recipe, digits)
    return params_of_search(merge(recipe, {"tune": {"workers": 1, **(tune or {})}}))


def ours_name(*, quick: bool) -> str:
    """Return the name of the search that params.yaml asks for."""
    tune = search_params(quick=quick).tune
    return f"{tune.sampler}, {tune.pruner}"


@cache
def images(*, quick: bool) -> tuple[Split, Split, Split, Meta]:
    """Return what trials train on, what decides, what the winners are validated on, and the data's shape."""
    tune = search_params(quick=quick).tune
    if quick:
        from tests.helpers.training import digits_splits

        train, validation, meta = digits_splits()
        unseen = Split(train.images[-300:], train.labels[-300:])
        return train.first(tune.images), validation.first(200), unseen, meta
    train, validation = open_split(DATA / "train"), open_split(DATA / "validation")
    unseen = Split(train.images[-UNSEEN:], train.labels[-UNSEEN:])
    parts = [shrink_split(split, tune.resolution) for split in (train.first(tune.images), validation, unseen)]
    return parts[0], parts[1], parts[2], read_meta(DATA / "meta.json")


# --- counting ----------------------------------------------------------------------------------------


def pool_best(results: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the best accuracy of each trial of the pool, in order of the trials; 0 of a failed one."""
    runs = sorted(results["random"], key=lambda run: run["number"])
    return np.array([0.0 if "failed" in run else max(run["curve"]) for run in runs])


def chances(size: int, length: int) -> NDArray[np.float64]:
    """Return the chance of each of `size` trials, best first, to win a random search of `length` draws."""
    rank = np.arange(size)
    return np.asarray((1 - rank / size) ** length - (1 - (rank + 1) / size) ** length)


def expected_best(best: NDArray[np.float64], length: int) -> float:
    """Return the mean best of random searches of `length` trials drawn from the pool."""
    return float(chances(len(best), length) @ np.sort(best)[::-1])


def trace(run: Mapping[str, Any], epochs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the compute after each trial of a search, in full trials, and the best complete one by then."""
    spent = np.cumsum([len(trial["curve"]) for trial in run["trials"]]) / epochs
    accuracies = [max(trial["curve"]) if trial["state"] == "complete" else 0.0 for trial in run["trials"]]
    return spent, np.maximum.accumulate(accuracies)


def best_at(run: Mapping[str, Any], epochs: int, compute: float) -> float:
    """Return the best accuracy of a search after so much compute; 0 before its first trial ended."""
    spent, best = trace(run, epochs)
    place = int(np.searchsorted(spent, compute + 1e-9, side="right")) - 1
    return float(best[place]) if place >= 0 else 0.0


def mean_reaches(runs: Sequence[Mapping[str, Any]], epochs: int, target: float) -> float:
    """Return the compute at which the mean best of searches reaches `target`; infinity where it does not."""
    traces = [trace(run, epochs) for run in runs]
    until = min(float(spent[-1]) for spent, _ in traces)
    for compute in sorted({float(at) for spent, _ in traces for at in spent if at <= until}):
        if np.mean([_at(spent, best, compute) for spent, best in traces]) >= target:
            return compute
    return float("inf")


def _at(spent: NDArray[np.float64], best: NDArray[np.float64], compute: float) -> float:
    place = int(np.searchsorted(spent, compute + 1e-9, side="right")) - 1
    return float(best[place]) if place >= 0 else 0.0


def winners(results: Mapping[str, Any], *, length: int) -> list[dict[str, Any]]:
    """Return the values to train anew: random search's likely winners, and each search's at a quarter."""
    runs = sorted(results["random"], key=lambda run: run["number"])
    order = np.argsort(-pool_best(results), kind="stable")
    chance = chances(len(runs), length)
    likely = int(np.searchsorted(np.cumsum(chance), 0.97)) + 1
    found = [runs[place]["values"] for place in order[:likely]]
    for run in results["searches"]:
        values = winner(run, _epochs(results), length / 4)
        if values is not None and values not in found:
            found.append(values)
    return found


def winner(run: Mapping[str, Any], epochs: int, compute: float) -> dict[str, Any] | None:
    """Return the values of a search's best trial after so much compute; None before its first one ended."""
    spent, _ = trace(run, epochs)
    ended = [
        trial
        for trial, at in zip(run["trials"], spent, strict=True)
        if at <= compute + 1e-9 and trial["state"] == "complete"
    ]
    return dict(max(ended, key=lambda trial: max(trial["curve"]))["values"]) if ended else None


def again(results: Mapping[str, Any], values: Mapping[str, Any] | None) -> float | None:
    """Return the mean accuracy of values that were trained anew, on the unseen images."""
    found = [run["accuracy"] for run in results["winners"] if run["values"] == values]
    return statistics.fmean(found) if found else None


def _epochs(results: Mapping[str, Any]) -> int:
    return int(results["setup"]["tune"]["epochs"])


def summarise(results: Mapping[str, Any], *, length: int) -> dict[str, Any]:
    """Return the rows of the table and the ratio of each search, with 95 % intervals.

    Of random search: means over all searches that the pool can give, the interval by drawing the pool
    anew. Of a search: the mean over its seeds, Student's t. Of the ratio: by drawing seeds and pool anew.
    """
    best, epochs = pool_best(results), _epochs(results)
    random = np.random.default_rng(0)
    drawn = [random.choice(best, len(best)) for _ in range(RESAMPLES)]
    target = expected_best(best, length)
    targets = [expected_best(pool, length) for pool in drawn]
    levels = [length / 8, length / 4, length / 2, length]
    rows = []
    for level in levels:
        again_drawn = [expected_best(pool, round(level)) for pool in drawn]
        low, high = np.quantile(again_drawn, [0.025, 0.975])
        rows.append({"search": "random", "compute": level, "accuracy": expected_best(best, round(level)),
                     "low": float(low), "high": float(high), "searches": None})  # fmt: skip
    ratios = []
    for name in dict.fromkeys(run["name"] for run in results["searches"]):
        runs = [run for run in results["searches"] if run["name"] == name]
        reach = min(float(trace(run, epochs)[0][-1]) for run in runs)
        for level in levels:
            if level > reach + 1e-9:
                continue
            accuracies = [best_at(run, epochs, level) for run in runs]
            mean = float(np.mean(accuracies))
            half = _half_interval(accuracies)
            rows.append({"search": name, "compute": level, "accuracy": mean, "low": mean - half,
                         "high": mean + half, "searches": len(runs)})  # fmt: skip
        at = mean_reaches(runs, epochs, target)
        spread = []
        for place in range(RESAMPLES // 4):
            chosen = [runs[each] for each in random.integers(0, len(runs), len(runs))]
            spread.append(mean_reaches(chosen, epochs, targets[place]) / length)
        low, high = np.quantile(spread, [0.025, 0.975], method="nearest")
        ratios.append(
            {
                "search": name,
                "about": runs[0]["about"],
                "seeds": len(runs),
                "ratio": _finite(at / length),
                "low": _finite(float(low)),
                "high": _finite(float(high)),
                "each_seed": [_finite(mean_reaches([run], epochs, target) / length) for run in runs],
                "trials": statistics.fmean(len(run["trials"]) for run in runs),
                "budget": reach,
                "again": _mean(again(results, winner(run, epochs, length / 4)) for run in runs),
            }
        )
    return {
        "length": length,
        "target": target,
        "target_interval": [float(edge) for edge in np.quantile(targets, [0.025, 0.975])],
        "random_again": _random_again(results, length),
        "rows": rows,
        "ratios": ratios,
    }


def _random_again(results: Mapping[str, Any], length: int) -> float | None:
    """Return what random search of full length finds, trained anew, each winner by its chance."""
    runs = sorted(results["random"], key=lambda run: run["number"])
    order = np.argsort(-pool_best(results), kind="stable")
    known = [
        (chance, accuracy)
        for place, chance in zip(order, chances(len(runs), length), strict=True)
        if (accuracy := again(results, runs[place]["values"])) is not None
    ]
    if not known:
        return None
    weights, accuracies = zip(*known, strict=True)
    return float(np.average(accuracies, weights=weights))


def _half_interval(values: Sequence[float]) -> float:
    return float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)) if len(values) > 1 else 0.0


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


# --- telling -----------------------------------------------------------------------------------------


def table(summary: Mapping[str, Any]) -> str:
    """Return the rows as a Markdown table: a line a compute, a column a search."""
    names = list(dict.fromkeys(row["search"] for row in summary["rows"]))
    lines = [f"| compute, full trials | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    for level in sorted({row["compute"] for row in summary["rows"]}):
        cells = []
        for name in names:
            row = next(
                (row for row in summary["rows"] if (row["search"], row["compute"]) == (name, level)), None
            )
            cells.append(f"{row['accuracy']:.2%} ({row['low']:.2%} to {row['high']:.2%})" if row else "")
        lines.append(f"| {level:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def told(summary: Mapping[str, Any]) -> str:
    """Say at which part of random search's compute each search reached what that found."""
    lines = []
    for ratio in summary["ratios"]:
        high = (
            f"{ratio['high']:.2f}"
            if ratio["high"] is not None
            else f"more than {ratio['budget'] / summary['length']:.2f}"
        )
        reached = (
            f"reaches the {summary['target']:.2%} of a random search of {summary['length']} full trials at "
            f"{ratio['ratio']:.2f} of its compute (95 % interval {ratio['low']:.2f} to {high})"
            if ratio["ratio"] is not None and ratio["low"] is not None
            else f"does not reach {summary['target']:.2%} within {ratio['budget']:.0f} full trials"
        )
        lines.append(f"{ratio['search']} {reached}; {_told_seeds(ratio)}.")
        if ratio["again"] is not None and summary["random_again"] is not None:
            lines.append(
                f"Its winners at a quarter of the compute, trained anew: {ratio['again']:.2%} of "
                f"unseen images; those of the full random search {summary['random_again']:.2%}."
            )
    return "\n".join(lines)


def _told_seeds(ratio: Mapping[str, Any]) -> str:
    known = sorted(each for each in ratio["each_seed"] if each is not None)
    if not known:
        return f"nor does one of its {ratio['seeds']} seeds"
    return f"{len(known)} of its {ratio['seeds']} seeds do, at {known[0]:.2f} to {known[-1]:.2f}"


def draw(path: Path, results: Mapping[str, Any], *, length: int) -> None:
    """Draw the best validation accuracy against compute: random search, each seed of ours, their means."""
    best, epochs = pool_best(results), _epochs(results)
    with style.context(STYLE, after_reset=True):
        figure = Figure(figsize=(8.0, 4.2), layout="constrained")
        axes = figure.subplots()
        along = np.arange(1, length + 1)
        axes.plot(along, [expected_best(best, int(number)) for number in along], "--", color=ORANGE,
                  label="random search, full trials: mean")  # fmt: skip
        low, high = np.array([random_edges(best, int(number)) for number in along]).T
        axes.fill_between(
            along, low, high, color=ORANGE, alpha=0.12, linewidth=0, label="80 % of random searches"
        )
        runs = [run for run in results["searches"] if run["name"] == results["ours"]]
        for number, run in enumerate(runs):
            spent, seen = trace(run, epochs)
            axes.step(spent, np.where(seen > 0, seen, np.nan), where="post", color=PALE, linewidth=1.1,
                      label="ours: each seed" if number == 0 else None)  # fmt: skip
        target = expected_best(best, length)
        if runs:
            until = min(float(trace(run, epochs)[0][-1]) for run in runs)
            grid = np.linspace(1, until, 400)
            mean = [np.mean([best_at(run, epochs, float(at)) for run in runs]) for at in grid]
            axes.step(grid, mean, where="post", color=DEEP, linewidth=2.4, label="ours: mean")
            at = mean_reaches(runs, epochs, target)
            if np.isfinite(at):
                axes.plot([at, length], [target, target], color=SOFT, linewidth=1, linestyle=(0, (2, 2)))
                axes.plot([at], [target], "D", color=DEEP, markersize=7)
                axes.annotate(f"{at / length:.2f} of the compute", (at, target), xytext=(0.3, 0.94),
                              textcoords="axes fraction", color=DEEP, fontweight="bold",
                              arrowprops={"arrowstyle": "-", "color": DEEP})  # fmt: skip
        axes.axvline(length / 4, color=SOFT, linewidth=1, linestyle=(0, (2, 2)))
        axes.annotate("a quarter", (length / 4, 0), xycoords=("data", "axes fraction"), xytext=(4, 6),
                      textcoords="offset points", fontsize=9, color=SOFT)  # fmt: skip
        axes.set_xlim(0, length)
        axes.set_ylim(bottom=expected_best(best, 2))
        axes.yaxis.set_major_formatter(percent_tick)
        axes.set_xlabel("compute: images trained, in full trials")
        axes.set_title("best validation accuracy found")
        figure.legend(loc="outside lower center", ncols=2)
        with atomic_write(path) as file:
            figure.savefig(file, format="png", metadata={"Software": None})


def random_edges(best: NDArray[np.float64], length: int) -> tuple[float, float]:
    """Return between what 80 % of random searches of `length` trials from the pool have as their best."""
    order = np.sort(best)
    below = (np.arange(1, len(order) + 1) / len(order)) ** length  # chance that none is better than this one
    low, high = (order[int(np.searchsorted(below, edge))] for edge in (0.1, 0.9))
    return float(low), float(high)


if __name__ == "__main__":
    main()
