"""A folder in which the project cannot work is named before anything is installed."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.cli.folder_name import REFUSED, folder_problem
from tests.helpers.checkouts import PROJECT


@pytest.mark.parametrize("name", [*(f"a{character}b" for character in REFUSED), "a\nb", "a\udce4b"])
def test_make_install_refuses_a_folder_and_names_the_cure(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    (folder / "src/darkroom/cli").mkdir(parents=True)
    for file in ("Makefile", "src/darkroom/cli/folder_name.py"):
        shutil.copyfile(PROJECT / file, folder / file)
    (folder / "requirements").mkdir()
    for lock in ("bootstrap", "dev"):
        (folder / f"requirements/{lock}.lock").write_text("nothing is installed", encoding="utf-8")
    command = ["make", "install", f"PYTHON={shlex.quote(sys.executable)}"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="surrogateescape", check=False
    )
    assert done.returncode
    (sentence, *of_make) = done.stderr.strip().splitlines()
    assert "rename the folder or move the project" in sentence
    assert all("make" in line for line in of_make)
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize(
    "name",
    ["Bilder (ä) #1 日本 & it's 🎞", "a;b", "a,b", "a=b", "a+b", "~a", "-a", "a ", "[a]b*!|<>^@", "a" * 200],
)
def test_other_names_are_fine(name: str) -> None:
    assert folder_problem(f"/home/me/{name}/darkroom") is None
