"""Where a result comes from: the commit, what was not committed, and the environment."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "torchvision", "mlflow", "dvc", "optuna", "bentoml", "numpy", "pandas", "onnxruntime")


def commit(root: Path) -> str | None:
    """Return the commit that is checked out in `root`; None outside git or before the first commit."""
    return _git(root, "rev-parse", "--verify", "--quiet", "HEAD")


def uncommitted_diff(root: Path) -> str:
    """Return the changes to tracked files that no commit has, as a diff; empty when there are none."""
    return _git(root, "diff", "HEAD", "--", ":!reports", ":!dvc.lock") or ""


def environment() -> dict[str, str]:
    """Return the versions of Python, the platform and the packages results depend on."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: version(name) for name in PACKAGES},
    }


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None  # no git: an archive of the sources runs too
    return done.stdout.strip() if done.returncode == 0 else None
