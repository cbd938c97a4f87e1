"""Time and accuracy of the published recipe, of params.yaml, and of a usual training script, in turn.

`make bench-train` runs it; `python -m benchmarks.training --help` lists its options. It trains on CIFAR-10's
50,000 training images (data/train and data/validation, as the published figures do, with a fixed schedule)
and measures the accuracy of the last epoch on the 10,000 test images, with six views. Each run has a process
of its own. Results are written to a file one by one, so that a benchmark that was stopped continues with
--resume.
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.flops import training_flops
from benchmarks.recipe import read_recipe
from darkroom.config import Params, load_params
from darkroom.config.trees import merge
from darkroom.data.splits import join_splits, open_split, read_meta
from darkroom.files import read_json, write_json
from darkroom.machine import cores
from darkroom.models.hardware import choose_device, choose_precision, set_threads
from darkroom.models.inference import predict
from darkroom.tracking import lineage
from darkroom.training.fingerprint import fingerprint
from darkroom.training.loop import fit
from darkroom.training.plan import plan_epochs
from darkroom.training.start import model_config, new_classifier
from pipeline import DATA, ROOT

OURS = "params.yaml"
REFERENCE = "airbench94"
USUAL = "usual ResNet-18"
USUAL_EPOCHS = 30  # few: most scripts train for 100 to 200
RESULTS = Path(__file__).parent / "results" / "training.json"
FINAL = {"use_validation": True, "patience": 10_000}


def main() -> None:
    """Run what the arguments select and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="of each recipe, from 0 (default 5)")
    parser.add_argument("--recipes", nargs="+", default=[REFERENCE, OURS], metavar="NAME")
    parser.add_argument("--usual-steps", type=int, default=30, help="of ResNet-18, timed; 0 leaves it out")
    parser.add_argument(
        "--growth", action=argparse.BooleanOptionalAction, default=True, help="1x, 2x, 4x data"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--resume", action="store_true", help="continue with the results in the file")
    parser.add_argument("--one", nargs=2, metavar=("RECIPE", "SEED"), help=argparse.SUPPRESS)
    parser.add_argument("--grow", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(train_once(arguments.one[0], int(arguments.one[1]))))
    elif arguments.grow:
        print(json.dumps(train_grown(arguments.grow)))
    else:
        run_all(arguments)


def run_all(arguments: argparse.Namespace) -> None:
    """Run recipes and seeds in turn, so that a slow hour of the machine affects all recipes."""
    results: dict[str, Any] = {"runs": [], "growth": []}
    names = list(arguments.recipes)
    if arguments.resume and arguments.results.is_file():
        results = read_json(arguments.results)
        names += [run["recipe"] for run in results["runs"]]
    recipes = {name: fingerprint(recipe_params(name, 0).model_dump(mode="json"), []) for name in names}
    # results of other parameters or code are not the same measurement
    results["runs"] = [run for run in results["runs"] if recipes[run["recipe"]] == run["fingerprint"]]
    results["machine"] = machine()
    done = {(run["recipe"], run["seed"]) for run in results["runs"]}
    todo = [
        (name, seed)
        for seed in range(arguments.seeds)
        for name in arguments.recipes
        if (name, seed) not in done
    ]
    for count, (name, seed) in enumerate(todo):
        print(
            f"{name}, seed {seed}: {len(todo) - count} to go{_left(results['runs'], todo[count:])}",
            flush=True,
        )
        run = in_process("--one", name, str(seed))
        results["runs"].append({"recipe": name, "seed": seed, "fingerprint": recipes[name], **run})
        write_json(arguments.results, results)
        print(f"  {run['accuracy']:.2%} in {run['seconds']:.0f} s", flush=True)
    if arguments.usual_steps:
        print(f"{USUAL}: {arguments.usual_steps} steps", flush=True)
        results["usual"] = time_usual(arguments.usual_steps)
    if arguments.growth:
        results["growth"] = []
        for times in (1, 2, 4):
            print(f"an epoch of {times} times the data", flush=True)
            results["growth"].append(in_process("--grow", str(times)))
    # only of what was used: a processor that emulates bf16 takes minutes to measure
    precisions = {"float32", *(run["precision"] for run in results["runs"])}
    results["machine"]["peak_gflop_per_second"] = {
        name: matrix_peak(getattr(torch, name)) for name in sorted(precisions)
    }
    results["summary"] = summarise(results)
    write_json(arguments.results, results)
    print("\n" + table(results["summary"]))


def _left(runs: list[dict[str, Any]], todo: list[tuple[str, int]]) -> str:
    took: dict[str, list[float]] = {}
    for run in runs:
        took.setdefault(run["recipe"], []).append(run["seconds"] + run["seconds_predicting"])
    if any(name not in took for name, _ in todo):
        return ""
    return f", about {sum(statistics.median(took[name]) for name, _ in todo) / 60:.0f} min left"


def in_process(*arguments: str) -> dict[str, Any]:
    """Run this module in a process of its own and return the JSON it ends with."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.training", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def recipe_params(name: str, seed: int) -> Params:
    """Return params.yaml with the values of a recipe, for a final fit."""
    recipe = {} if name == OURS else read_recipe(name)
    return load_params(ROOT / "params.yaml", merge(recipe, {"seed": seed, "train": FINAL}))


def train_once(name: str, seed: int) -> dict[str, Any]:
    """Train by a recipe; return accuracy, times and the work done."""
    params = recipe_params(name, seed)
    set_threads(params.train.threads)
    device, _ = choose_device(params.train.device)
    precision, _ = choose_precision(params.train.precision, device)
    with tempfile.TemporaryDirectory() as scratch:
        join_splits(Path(scratch), [open_split(DATA / "train"), open_split(DATA / "validation")])
        train = open_split(Path(scratch))
        config = model_config(params, read_meta(DATA / "meta.json"))
        started = time.perf_counter()
        classifier = new_classifier(config, train, seed=seed)
        fitted = fit(classifier, train, None, params=params, device=device, precision=precision)
        seconds = time.perf_counter() - started
    memory = peak_memory()
    test = open_split(DATA / "test")
    started = time.perf_counter()
    correct = predict(classifier, test, device=device).argmax(1) == test.labels
    work = training_flops(classifier, params, shape=train.images.shape)
    return {
        "accuracy": float(correct.mean()),
        "seconds": seconds,
        "seconds_predicting": time.perf_counter() - started,
        "images_per_second": sum(plan.images for plan in plan_epochs(params.train, len(train))) / seconds,
        "epoch_seconds": [epoch.seconds for epoch in fitted.history],
        "gflop": work / 1e9,
        "gflop_per_second": work / 1e9 / seconds,
        "peak_memory_gb": memory,
        "precision": str(precision).removeprefix("torch."),
        "device": device.type,
    }


def train_grown(times: int) -> dict[str, Any]:
    """Train for an epoch on the images repeated `times` times, memory-mapped."""
    params = load_params(ROOT / "params.yaml", {"train": FINAL | {"epochs": 1}})
    set_threads(params.train.threads)
    device, _ = choose_device(params.train.device)
    precision, _ = choose_precision(params.train.precision, device)
    with tempfile.TemporaryDirectory() as scratch:
        parts = [open_split(DATA / "train"), open_split(DATA / "validation")]
        join_splits(Path(scratch), parts * times)
        train = open_split(Path(scratch))
        classifier = new_classifier(model_config(params, read_meta(DATA / "meta.json")), train, seed=0)
        started = time.perf_counter()
        fit(classifier, train, None, params=params, device=device, precision=precision)
        return {
            "times": times,
            "images": len(train),
            "file_gb": train.images.nbytes / 1e9,
            "seconds": time.perf_counter() - started,
            "peak_memory_gb": peak_memory(),
            # without the file's own pages, which the system may drop whenever it needs them
            "peak_anonymous_gb": anonymous_memory(),
        }


def time_usual(steps: int) -> dict[str, Any]:
    """Time steps of the usual ResNet-18 and project its training from them."""
    from benchmarks.usual import BATCH, build, seconds_a_step

    train = open_split(DATA / "train")
    seconds = seconds_a_step(train.images, train.labels, steps=steps, workers=cores().count)
    with FlopCounterMode(display=False) as counter:
        build()(torch.zeros(8, 3, 32, 32)).sum().backward()
    an_image = counter.get_total_flops() / 8 / 1e9
    median = statistics.median(seconds)
    return {
        "steps": steps,
        "seconds_a_step": median,
        "images_per_second": BATCH / median,
        "seconds_an_epoch": 50_000 / BATCH * median,
        "epochs": USUAL_EPOCHS,
        "seconds": 50_000 / BATCH * median * USUAL_EPOCHS,
        "gflop_per_second": an_image * BATCH / median,
    }


def peak_memory() -> float:
    """Return the most memory this process had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def anonymous_memory() -> float | None:
    """Return this process's memory that is no file's, in GB; None where the system does not say."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return int(lines["RssAnon"].split()[0]) * 1024 / 1e9


def machine() -> dict[str, Any]:
    """Return what the measurement ran on."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": lineage.commit(ROOT),
        "processor": platform.processor() or platform.machine(),
        "cores": cores().count,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }


def matrix_peak(dtype: torch.dtype, *, side: int = 2048, seconds: float = 3.0) -> float:
    """Return the best GFLOP/s of square matrix products on the device that trains."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        started = time.perf_counter()
        (a @ b).sum().item()
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best / 1e9


def summarise(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row a recipe: means over the seeds, with 95 % intervals (Student's t), and its time."""
    rows = []
    peaks = results["machine"]["peak_gflop_per_second"]
    for name in dict.fromkeys(run["recipe"] for run in results["runs"]):
        runs = [run for run in results["runs"] if run["recipe"] == name]
        accuracies = [run["accuracy"] for run in runs]
        half = float(stats.t.ppf(0.975, len(runs) - 1) * stats.sem(accuracies)) if len(runs) > 1 else None
        rate = statistics.median(run["gflop_per_second"] for run in runs)
        rows.append(
            {
                "recipe": name,
                "seeds": len(runs),
                "accuracy": float(np.mean(accuracies)),
                "accuracy_half_interval": half,
                "seconds": statistics.median(run["seconds"] for run in runs),
                "images_per_second": statistics.median(run["images_per_second"] for run in runs),
                "gflop_per_second": rate,
                "share_of_peak": rate / peaks[runs[0]["precision"]],
                "peak_memory_gb": max(run["peak_memory_gb"] for run in runs),
            }
        )
    if usual := results.get("usual"):
        rows.append(
            {
                "recipe": f"{USUAL}, {usual['epochs']} epochs (projected)",
                "seeds": 0,
                "accuracy": None,
                "accuracy_half_interval": None,
                "seconds": usual["seconds"],
                "images_per_second": usual["images_per_second"],
                "gflop_per_second": usual["gflop_per_second"],
                "share_of_peak": usual["gflop_per_second"] / peaks["float32"],
                "peak_memory_gb": None,
            }
        )
    reference = next((row["seconds"] for row in rows if row["recipe"] == REFERENCE), None)
    for row in rows:
        row["times_reference"] = row["seconds"] / reference if reference else None
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Return the summary as a Markdown table."""
    lines = [
        "| recipe | test accuracy | time | of the reference's | images/s | GFLOP/s | of the peak |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        accuracy = "not run to its end"
        if row["accuracy"] is not None:
            half = row["accuracy_half_interval"]
            spread = "" if half is None else f" ± {half:.2%}"
            accuracy = f"{row['accuracy']:.2%}{spread} ({row['seeds']} seeds)"
        ratio = f"{row['times_reference']:.2f}" if row["times_reference"] else ""
        lines.append(
            f"| {row['recipe']} | {accuracy} | {row['seconds'] / 60:.1f} min | {ratio} | "
            f"{row['images_per_second']:.0f} | {row['gflop_per_second']:.0f} | {row['share_of_peak']:.0%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
