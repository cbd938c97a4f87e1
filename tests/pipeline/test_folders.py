"""The project works wherever people put it: in any kind of git checkout, without git, in folders of any name.

Each test goes the way of the quickstart with one stage: scratch copy, parameters, DVC, experiment. That all
stages work in such folders is shown by the tests of `digits_run`, which lies in one.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from darkroom.tracking import lineage
from tests.helpers.checkouts import FOLDER, Checkout, commit, new_checkout
from tests.helpers.git import git
from tests.helpers.warm_stages import set_params

ONE_STAGE = """
import os, subprocess, sys
from pathlib import Path
from darkroom.cli.quickstart import scratch_environment
from darkroom.cli.scratch_copy import save_experiment, scratch_copy, set_params
from darkroom.tracking import lineage

root = Path(sys.argv[1])
with scratch_copy(root) as copy:
    set_params(copy / "params.yaml", ["seed=7"])
    environment = scratch_environment(root, dict(os.environ))
    subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=copy, check=True, env=environment)
    not_kept = save_experiment(root, copy, "one-stage", environment)
    print(f"commit {lineage.commit(copy)}, not kept because {not_kept}")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a checkout in a folder of an odd name, whose pipeline is one stage."""
    made = new_checkout(tmp_path / FOLDER / "darkroom")
    stages = yaml.safe_load((made.root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    text = yaml.safe_dump({"stages": {name: stages[name] for name in ("source", "download")}})
    (made.root / "dvc.yaml").write_text(text, encoding="utf-8")
    set_params(made.root / "params.yaml", ["data.name=digits"])
    made.run("git", "add", "-A")
    commit(made, "Keep one stage")
    return made


def run_in_scratch_copy(checkout: Checkout, root: Path | None = None) -> str:
    """Run the stage in a scratch copy; return the line with the commit, and with why nothing was kept."""
    root = root or checkout.root
    printed = checkout.run(sys.executable, "-c", ONE_STAGE, str(root)).stdout
    assert not list((root / ".dvc/tmp/quickstart").iterdir())
    assert not (root / "data").exists()
    return printed.splitlines()[-1]


def whole(checkout: Checkout, folder: Path) -> Path:
    return checkout.root


def worktree(checkout: Checkout, folder: Path) -> Path:
    git(checkout.root, "worktree", "add", "-q", "-b", "another", str(folder))
    return folder


def shallow_clone(checkout: Checkout, folder: Path) -> Path:
    git(checkout.root.parent, "clone", "-q", "--depth", "1", checkout.root.as_uri(), str(folder))
    return folder


def submodule(checkout: Checkout, folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "-q")
    allowed = ("-c", "protocol.file.allow=always")
    git(folder, *allowed, "submodule", "add", "-q", str(checkout.root), "vision")
    return folder / "vision"


def symbolic_link(checkout: Checkout, folder: Path) -> Path:
    folder.symlink_to(checkout.root, target_is_directory=True)
    return folder


def uncommitted(checkout: Checkout, folder: Path) -> Path:
    (checkout.root / "src/darkroom/new.py").write_text("NEW = 1\n", encoding="utf-8")
    (checkout.root / "README.md").unlink()
    return checkout.root


@pytest.mark.parametrize(
    "layout",
    [
        *(pytest.param(layout, marks=pytest.mark.ci) for layout in (worktree, symbolic_link, uncommitted)),
        *(pytest.param(layout, marks=pytest.mark.slow) for layout in (whole, shallow_clone, submodule)),
    ],
)
def test_an_experiment_is_kept_in_every_kind_of_checkout(
    layout: Callable[[Checkout, Path], Path], checkout: Checkout, tmp_path: Path
) -> None:
    place = layout(checkout, tmp_path / f"{FOLDER} again")
    moved = Checkout(place, checkout.environment)
    before = moved.run("git", "status", "--porcelain").stdout
    head = moved.run("git", "rev-parse", "HEAD").stdout.strip()
    assert run_in_scratch_copy(moved) == f"commit {head}, not kept because None"
    assert moved.run("git", "status", "--porcelain").stdout == before
    shown = moved.run("dvc", "exp", "show", "--csv").stdout
    assert "one-stage" in shown
    if layout is whole:
        moved.run("dvc", "exp", "apply", "one-stage")
        assert (place / "data/raw").is_dir()
        assert "Stage 'download' didn't change" in moved.run("dvc", "repro").stdout


def unpacked(checkout: Checkout, folder: Path) -> Path:
    shutil.rmtree(checkout.root / ".git")
    return checkout.root


def unpacked_in_another_repository(checkout: Checkout, folder: Path) -> Path:
    shutil.rmtree(checkout.root / ".git")
    other = checkout.root.parent
    git(other, "init", "-q")
    (other / ".gitignore").write_text("*\n", encoding="utf-8")
    return checkout.root


def a_folder_of_a_larger_repository(checkout: Checkout, folder: Path) -> Path:
    shutil.rmtree(checkout.root / ".git")
    other = checkout.root.parent
    git(other, "init", "-q")
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "Add everything")
    return checkout.root


@pytest.mark.parametrize(
    "layout",
    [
        *(
            pytest.param(layout, marks=pytest.mark.ci)
            for layout in (unpacked, a_folder_of_a_larger_repository)
        ),
        pytest.param(unpacked_in_another_repository, marks=pytest.mark.slow),
    ],
)
def test_without_a_repository_of_its_own_it_works_without_experiments(
    layout: Callable[[Checkout, Path], Path], checkout: Checkout, tmp_path: Path
) -> None:
    root = layout(checkout, tmp_path)
    said = run_in_scratch_copy(checkout, root)
    assert said == "commit None, not kept because git has no commit of this folder"
    assert "Running stage 'download'" in checkout.run("dvc", "repro", "--force").stdout  # as typed by hand
    assert (lineage.commit(root) is None) == (layout is not a_folder_of_a_larger_repository)


@pytest.mark.ci
def test_a_folder_200_characters_deep(checkout: Checkout, tmp_path: Path) -> None:
    deep = tmp_path / "/".join(["vierzig Zeichen lang, mit ä und 日本 darin"] * 6)
    deep.parent.mkdir(parents=True)
    assert len(str(deep)) > 250
    moved = Checkout(checkout.root.rename(deep), checkout.environment)
    assert run_in_scratch_copy(moved).endswith("not kept because None")


def test_make_tells_dvc_that_there_is_no_git(checkout: Checkout) -> None:
    root = checkout.root
    shutil.rmtree(root / ".git")
    assert "is not a git repository" in checkout.run("dvc", "status", check=False).stderr
    (root / ".venv").symlink_to(sys.prefix)
    checkout.run("make", "install", "-o", ".venv/.installed")  # -o: the environment is there
    checkout.run("dvc", "status")
    git(root, "init", "-q")
    checkout.run("make", "install", "-o", ".venv/.installed")
    assert not (root / ".dvc/config.local").read_text(encoding="utf-8")
