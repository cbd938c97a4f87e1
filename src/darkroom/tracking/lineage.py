"""Where a result comes from: the commit, what was not committed, and the environment."""

import os
import platform
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    "torch",
    "torchvision",
    "mlflow",
    "dvc",
    "optuna",
    "bentoml",
    "numpy",
    "pandas",
    "onnxruntime",
    "openvino",
)


def commit(root: Path) -> str | None:
    """Return the commit that is checked out in `root`; None outside git or before the first commit."""
    said = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    return said.decode().strip() if said else None


def uncommitted_diff(root: Path) -> bytes:
    """Return what no commit has, new files too, as a diff that `git apply` takes; empty for nothing.

    What git ignores is left out, and what the pipeline writes itself: reports/ and dvc.lock. The bytes
    are those of the files, in whatever encoding each has.
    """
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}  # our own: the user's stays as it is
        if _git(root, "read-tree", "HEAD", **index) is None:
            return b""
        _git(root, "add", "--all", "--", ".", **index)
        diff = ("diff", "--cached", "--binary", "--no-color", "--no-ext-diff", "HEAD")
        return _git(root, *diff, "--", ":!reports", ":!dvc.lock", **index) or b""


def environment() -> dict[str, str]:
    """Return the versions of Python, the platform and the packages results depend on."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: version(name) for name in PACKAGES},
    }


def _git(root: Path, *arguments: str, **environment: str) -> bytes | None:
    """Return what git says; None where it fails or there is none."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            check=False,
            env=os.environ | environment,
        )
    except FileNotFoundError:
        return None  # no git: an archive of the sources runs too
    return done.stdout if done.returncode == 0 else None
