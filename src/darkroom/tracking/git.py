"""git, as a command: what it prints about the folder in which the project lies."""

import errno
import os
import subprocess
from pathlib import Path

from darkroom.disk import FULL

# A hook of git and `git rebase --exec` set these for the repository they run in, which may be another one.
REPOSITORY_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")


def git(root: Path, *arguments: str, **environment: str) -> bytes | None:
    """Return what git prints in `root`; None where it fails or is not installed.

    Raises OSError where the disk is full, which must not look like a folder without changes.
    """
    done = run_git(root, *arguments, **environment)
    if done and done.returncode and FULL.search(said := done.stderr.decode(errors="replace")):
        raise OSError(errno.ENOSPC, f"No space left on device ({said.strip()})")
    return None if done is None or done.returncode else done.stdout


def run_git(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes] | None:
    """Run git in `root`, with `environment` added to this process's; None where it is not installed."""
    kept = {key: value for key, value in os.environ.items() if key not in REPOSITORY_VARIABLES}
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, check=False, env=kept | environment
        )
    except FileNotFoundError:
        return None  # an archive of the sources runs without git too


def has_git(root: Path) -> bool:
    """Return whether `root` is in a git repository that keeps its files.

    An archive of the sources may be unpacked within another repository, which does not keep them.
    """
    return bool(git(root, "ls-files", "-z", "--", "."))
