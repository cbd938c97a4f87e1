"""Trials per minute of one worker and of two that share the cores, each with one thread.

`python -m benchmarks.tune_workers` runs the tune stage itself in scratch copies of the checkout, once for
each number of workers: the same space, seed and total, no pruner, so that every trial is the same work.
The clock runs while a trial is under way; the seconds that processes take to start are shown apart. It
needs the data of the checkout (`dvc repro preprocess`), and nothing else on the machine while it runs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.training import machine
from darkroom.config import load_params
from darkroom.files import read_json, write_json
from darkroom.tuning.budget import searched_seconds
from darkroom.tuning.study import open_study
from darkroom.tuning.trials_table import trials_table
from pipeline import DATA, ROOT

RESULTS = Path(__file__).parent / "results" / "tune_workers.json"
TUNE = {
    "minutes": 0,
    "epochs": 3,
    "images": 3000,
    "resolution": 16,
    "pruner": "none",
    "engine": "processes",
}
SPACE = {
    "train": {
        "learning_rate": {"low": 0.03, "high": 0.3, "log": True},
        "label_smoothing": {"low": 0.0, "high": 0.3},
    }
}


def main() -> None:
    """Measure each number of workers, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=8, help="of each run (default 8)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], metavar="COUNT")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if not (DATA / "train").exists():
        raise SystemExit("there is no data/train yet: `dvc repro preprocess` builds it")
    runs = [measure(workers, arguments.trials) for workers in arguments.workers]
    for run in runs:
        run["times_the_first"] = run["trials_per_minute"] / runs[0]["trials_per_minute"]
    print("\n| workers | trials a minute | times the first | best validation accuracy | seconds to start |")
    print("| --- | --- | --- | --- | --- |")
    for run in runs:
        print(
            f"| {run['workers']} | {run['trials_per_minute']:.1f} | {run['times_the_first']:.2f} | "
            f"{run['best']:.2%} | {run['seconds_besides']:.0f} |"
        )
    write_json(
        arguments.results, {"machine": machine(), "trials": arguments.trials, "tune": TUNE, "runs": runs}
    )


def measure(workers: int, trials: int) -> dict[str, Any]:
    """Run the tune stage in a scratch copy with so many workers."""
    with tempfile.TemporaryDirectory(prefix="darkroom-workers-") as name:
        copy = Path(name)
        for folder in ("src", "pipeline"):
            shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "data").symlink_to(DATA)
        tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        tree["train"] |= {"threads": 1}
        tree["tune"] |= TUNE | {"trials": trials, "workers": workers, "space": SPACE}
        (copy / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "OPTUNA"))
        }
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "pipeline.tune"], cwd=copy, env=environment, check=True)
        seconds = time.perf_counter() - started
        study = open_study(
            f"sqlite:///{copy / '.checkpoints/studies.db'}",
            read_json(copy / "reports/tune.json")["study"],
            params=load_params(copy / "params.yaml"),
        )
        states = trials_table(study)["state"].value_counts()
        assert states.to_dict() == {"complete": trials}, states
        searched = searched_seconds(study)
        return {
            "workers": workers,
            "trials_per_minute": 60 * trials / searched,
            "seconds": searched,
            "seconds_besides": seconds - searched,
            "best": study.best_value,
        }


if __name__ == "__main__":
    main()
