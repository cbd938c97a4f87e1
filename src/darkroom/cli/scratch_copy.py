"""A copy of the checkout in which stages run with other parameters, and its result as DVC's experiment."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from darkroom.tracking.dvc_settings import LOCAL, adapt_to_git, change_settings
from darkroom.tracking.git import git, run_git
from darkroom.tracking.sources import source_files

# how git compares files with commits, where a repository has settings of its own
COMPARISON = ("core.autocrlf", "core.eol", "core.fileMode", "core.symlinks")


@contextmanager
def scratch_copy(root: Path) -> Iterator[Path]:
    """Copy the project's files from `root` to a folder in .dvc/tmp; it is removed after the block.

    Where git has a commit of the project, the copy is a clone of it, so that results name that commit. The
    copy uses DVC's cache of `root`.
    """
    place = root / ".dvc/tmp/quickstart"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as scratch:
        copy = Path(scratch)
        # DVC cannot use a git worktree here: that of a submodule confuses it
        if (root / ".git").exists() and git(root, "rev-parse", "--verify", "HEAD"):
            clone(root, copy)
        for name in source_files(root):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, copy / name, follow_symlinks=False)
        share_cache(root, copy)
        yield copy


def clone(root: Path, copy: Path) -> None:
    """Clone the repository at `root` into the empty folder `copy`, without its files and hooks."""
    no_hooks = ("--config", f"core.hooksPath={os.devnull}")
    git(root, "clone", "--quiet", "--no-checkout", "--no-tags", *no_hooks, str(root), str(copy))
    for name in COMPARISON:
        if value := git(root, "config", "--get", name):
            git(copy, "config", name, value.decode().strip())
    git(copy, "reset", "--quiet")


def share_cache(root: Path, copy: Path) -> None:
    """Give a copy of the checkout the local settings of DVC in `root`, and its cache."""
    adapt_to_git(root)
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    shown = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, encoding="utf-8", check=True
    ).stdout
    if (root / LOCAL).is_file():
        shutil.copyfile(root / LOCAL, copy / LOCAL)
    adapt_to_git(copy)
    # autostage: DVC does not ask for `git add` in a copy that will be removed
    change_settings(copy, {"cache": {"dir": shown.removesuffix("\n")}, "core": {"autostage": "true"}})


def set_params(path: Path, changes: Sequence[str]) -> None:
    """Set values in a params.yaml, each given as `train.epochs=2`, as `dvc exp run -S` sets them."""
    from dvc.utils.hydra import apply_overrides

    apply_overrides(path, list(changes))


def save_experiment(root: Path, copy: Path, name: str, environment: Mapping[str, str]) -> str | None:
    """Keep the results in a scratch copy of `root` as DVC's experiment `name` there.

    Returns why not, where that fails.
    """
    if not (copy / ".git").exists():
        has_commit = (root / ".git").exists() and git(root, "rev-parse", "--verify", "HEAD")
        return "git could not clone this folder" if has_commit else "git has no commit of this folder"
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "exp", "save", "--force", "--name", name],
        cwd=copy,
        env={**environment, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"`dvc exp save` ended with {done.returncode}"])[0]
    listed = git(copy, "for-each-ref", "--format=%(refname)", f"refs/exps/*/*/{name}") or b""
    reference = listed.decode().strip()
    fetched = run_git(root, "fetch", "--quiet", "--no-tags", str(copy), f"{reference}:{reference}")
    return fetched.stderr.decode(errors="replace").strip() if fetched and fetched.returncode else None
