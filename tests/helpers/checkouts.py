"""Copies of the project in which tests run its real commands."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from darkroom.tracking.sources import source_files

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = "Bilder (ä) #1 日本 & it's 🎞"  # a name as people give them


@dataclass(frozen=True)
class Checkout:
    """A copy of the project under git, and the environment to run its commands in."""

    root: Path
    environment: dict[str, str]

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the copy; its output is text."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{command} ended with {done.returncode}:\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
            )
        return done

    def stage(self, name: str, **environment: str) -> str:
        """Run a stage's script as DVC would; return what it printed."""
        return self.run(sys.executable, "-m", f"pipeline.{name}", check=True, **environment).stdout


def new_checkout(folder: Path) -> Checkout:
    """Copy the project's files (not what git ignores) to `folder`, as a first commit without an identity."""
    for name in source_files(PROJECT):
        if name != Path("dvc.lock"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    home = folder.parent / f"{folder.name}-home"
    home.mkdir()
    keep = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("GIT_", "MLFLOW", "BENTOML", "DARK", "_DARK"))
    }
    environment = keep | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": "src",
        "DVC_NO_ANALYTICS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    checkout = Checkout(folder, environment)
    checkout.run("git", "init", "-q", "-b", "main")
    checkout.run("git", "add", "-A")
    commit(checkout, "Start")
    return checkout


def commit(checkout: Checkout, message: str) -> None:
    """Commit what is staged, as someone."""
    someone = ("-c", "user.name=Someone", "-c", "user.email=someone@localhost")
    checkout.run("git", *someone, "commit", "-q", "-m", message)


def copy_for_training(checkout: Checkout, folder: Path) -> Checkout:
    """Copy code, params and what `train` may read: no test images."""
    for name in ("src", "pipeline", "params.yaml", "data/train", "data/validation", "data/meta.json"):
        source, target = checkout.root / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, target)
    shutil.copyfile(checkout.root / "data/source.json", folder / "data/source.json")
    (folder / "models").mkdir()
    shutil.copyfile(checkout.root / "models/tuned.json", folder / "models/tuned.json")
    return Checkout(folder, checkout.environment)
