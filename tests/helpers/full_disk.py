"""Run a stage again and again on a disk that has ever more space, until it succeeds.

Run as `python -m tests.helpers.full_disk ROOT DISK FULL STAGE BYTES...` where a small disk is mounted at
DISK and ROOT is a checkout in which all stages ran. FULL says what lies on the disk: `project`, `mlflow`,
`bentoml` or `tmp`. For each number of free BYTES, and then without a limit, a line of JSON is printed:
`free`, `status`, `stderr`, `litter` (what the stage left half-written) and `other` (outputs not as in ROOT).
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

# in which equal runs differ: ids, times, and paths in the exported graph
DIFFERS = (
    *("run.json", "train_timing.json", "latency.json", "registered.json", "tune.json", "study.json"),
    *("study.html", "model.onnx", "model.json", "reference.json", "card.html", "bento.json"),
)


def main() -> None:
    """Run the stage."""
    root, disk, full, stage, *amounts = sys.argv[1:]
    checkout = Path(disk) / "copy" if full == "project" else Path(f"{disk}-copy")
    shutil.copytree(root, checkout, symlinks=True)
    environment = dict(os.environ)
    if full == "tmp":
        environment["TMPDIR"] = disk
    elif full == "bentoml":
        environment["BENTOML_HOME"] = f"{disk}/bentoml"
    elif full == "mlflow":
        shutil.copyfile(checkout / "mlflow.db", f"{disk}/mlflow.db")
        environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{disk}/mlflow.db"
    if stage == "tune":
        root = searched_alone(checkout, environment)
    for free in [*map(int, amounts), None]:
        for name in outputs_of(checkout, stage):  # as DVC does
            path = checkout / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        fill(Path(disk), free)
        print(json.dumps(attempt(Path(root), checkout, Path(disk), stage, environment, free)), flush=True)


def searched_alone(checkout: Path, environment: dict[str, str]) -> str:
    """Return a copy of a checkout in which the stage tune ran alone and without earlier studies.

    The study's name has the modules that are imported, and the second trial is the best of an earlier study.
    """
    shutil.rmtree(checkout / ".checkpoints")
    alone = f"{checkout}-alone"
    shutil.copytree(checkout, alone, symlinks=True)
    subprocess.run([sys.executable, "-m", "pipeline.tune"], cwd=alone, env=environment, check=True, stdout=2)
    return alone


def fill(disk: Path, free: int | None) -> None:
    """Fill a disk but for so many bytes; None empties it again."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    if free is not None:
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(disk).free - free))


def attempt(
    root: Path, checkout: Path, disk: Path, stage: str, environment: dict[str, str], free: int | None
) -> dict[str, Any]:
    """Run a stage; return what became of it."""
    outputs = outputs_of(checkout, stage)
    before = files(checkout)
    done = subprocess.run(
        [sys.executable, "-m", f"pipeline.{stage}"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    new = files(checkout) - before
    litter = [
        name for name in new if name.endswith(".tmp") or "/." in f"/{name}".replace("/.checkpoints", "")
    ]
    written = {
        name for name in files(checkout) if any(name == out or name.startswith(f"{out}/") for out in outputs)
    }
    stopped = "killed," in text_of(checkout / "reports/trials.csv")  # a trial, by the full disk
    other = [name for name in sorted(written) if not same(checkout / name, root / name, stopped=stopped)]
    return {"free": free, "status": done.returncode, "stderr": done.stderr, "litter": litter, "other": other}


def outputs_of(checkout: Path, stage: str) -> list[str]:
    """Return the outputs of a stage in dvc.yaml."""
    entry = yaml.safe_load((checkout / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    listed = [item for kind in ("outs", "metrics", "plots") for item in entry.get(kind, [])]
    return [item if isinstance(item, str) else next(iter(item)) for item in listed]


def files(folder: Path) -> set[str]:
    """Return the files below a folder that a stage may have written."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {
        name
        for name in names
        if not name.startswith((".git/", ".dvc/", ".bentoml/", "mlruns/")) and ".pyc" not in name
    }


def text_of(path: Path) -> str:
    """Return what a file has; nothing if there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def same(one: Path, other: Path, *, stopped: bool = False) -> bool:
    """Return whether two files are equal, or of a kind in which equal runs differ.

    After a trial was `stopped`, later ones have other numbers and so other values: then as many are finished.
    """
    if one.name in DIFFERS or one.suffix == ".bento" or (stopped and one.name == "tuned.json"):
        return other.is_file()
    if stopped and one.name == "trials.csv":
        ran = [
            sum(text_of(path).count(f",{state},") for state in ("complete", "pruned"))
            for path in (one, other)
        ]
        return ran[0] == ran[1] > 0
    return other.is_file() and one.read_bytes() == other.read_bytes()


if __name__ == "__main__":
    main()
