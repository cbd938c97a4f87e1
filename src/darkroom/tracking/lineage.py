"""The code and environment of a result: the commit, the uncommitted changes, the package versions."""

import logging
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from darkroom.tracking.git import git, run_git

log = logging.getLogger(__name__)

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
    """Return the commit that is checked out in `root`; None outside git or before the first commit.

    An archive of the sources that lies within another repository is outside git too: that one's commits do
    not hold it. Where there is a repository that git cannot read, the reason is logged.
    """
    if git(root, "ls-tree", "HEAD"):  # it lists this folder alone
        return (git(root, "rev-parse", "HEAD") or b"").decode().strip()
    if (root / ".git").exists():
        done = run_git(root, "rev-parse", "--git-dir")
        said = "git is not installed" if done is None else done.stderr.decode(errors="replace").strip()
        why = said.partition("\n")[0] or "there is none yet"
        log.warning("git gives no commit of %s (%s): its hash identifies the code", root, why)
    return None


def uncommitted_diff(root: Path) -> bytes:
    """Return the uncommitted changes, new files included, as a diff for `git apply`; empty where none are.

    Files that git ignores are left out, and so are those that the pipeline writes itself: reports/ and
    dvc.lock. The diff holds the bytes of the files, in whatever encoding each has. Outside git it is empty.
    """
    if not git(root, "ls-tree", "HEAD"):
        return b""
    with tempfile.TemporaryDirectory() as scratch:
        # a temporary index, so that the user's stays as it is
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        git(root, "read-tree", "HEAD", **index)
        git(root, "add", "--all", "--", ".", **index)
        # --relative: the project may be a folder of a larger repository
        diff = ("diff", "--cached", "--binary", "--no-color", "--no-ext-diff", "--relative", "HEAD")
        return git(root, *diff, "--", ":!reports", ":!dvc.lock", **index) or b""


def describe_commit(commit: str | None, code_sha256: str | None) -> str:
    """Return in words which code it was: the commit, else the hash.

    >>> describe_commit(None, "5e" * 32)[:30]
    "no git: the code's hash is 5e5"
    >>> describe_commit("0123abc", None)
    '0123abc'
    """
    if commit is None and code_sha256 is None:
        return "none: made outside git"  # by a version of Darkroom that did not keep the hash
    return commit or f"no git: the code's hash is {code_sha256}"


def environment() -> dict[str, str]:
    """Return the versions of Python, the platform and the packages that results depend on, by name."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: version(name) for name in PACKAGES},
    }
