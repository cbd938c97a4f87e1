"""The code and environment of a result: the commit, the uncommitted changes, the package versions."""

import errno
import os
import platform
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

from darkroom.disk import FULL

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
    printed = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    return printed.decode().strip() if printed else None


def uncommitted_diff(root: Path) -> bytes:
    """Return the uncommitted changes, new files included, as a diff for `git apply`; empty where none are.

    Files that git ignores are left out, and so are those that the pipeline writes itself: reports/ and
    dvc.lock. The diff holds the bytes of the files, in whatever encoding each has. Outside git it is empty.
    """
    with tempfile.TemporaryDirectory() as scratch:
        # a temporary index, so that the user's stays as it is
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        if _git(root, "read-tree", "HEAD", **index) is None:
            return b""
        _git(root, "add", "--all", "--", ".", **index)
        diff = ("diff", "--cached", "--binary", "--no-color", "--no-ext-diff", "HEAD")
        return _git(root, *diff, "--", ":!reports", ":!dvc.lock", **index) or b""


def environment() -> dict[str, str]:
    """Return the versions of Python, the platform and the packages that results depend on, by name."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: version(name) for name in PACKAGES},
    }


def _git(root: Path, *arguments: str, **environment: str) -> bytes | None:
    """Return what git prints; None where it fails or is not installed.

    Raises OSError where the disk is full, which must not look like a folder without changes.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            check=False,
            env=os.environ | environment,
        )
    except FileNotFoundError:
        return None  # an archive of the sources runs without git too
    if done.returncode and FULL.search(said := done.stderr.decode(errors="replace")):
        raise OSError(errno.ENOSPC, f"No space left on device ({said.strip()})")
    return done.stdout if done.returncode == 0 else None
