"""DVC is told whether there is git, in its local settings, and nothing else in them changes."""

import subprocess
from pathlib import Path

import pytest

from darkroom.tracking.dvc_settings import adapt_to_git
from tests.helpers.git import git

LOCAL = """\
# mine
[core]
    remote = store
['remote "store"']
    url = "/disk #2/Bilder (ä), 日本"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    return root


def test_without_git_dvc_is_told_so_until_there_is_one(project: Path) -> None:
    settings = project / ".dvc/config.local"
    adapt_to_git(project)
    assert "no_scm = true" in settings.read_text(encoding="utf-8")
    git(project, "init", "-q")
    adapt_to_git(project)
    assert settings.read_text(encoding="utf-8") == ""


def test_other_settings_stay(project: Path) -> None:
    settings = project / ".dvc/config.local"
    settings.write_text(LOCAL, encoding="utf-8")
    adapt_to_git(project)
    told = settings.read_text(encoding="utf-8")
    assert told == LOCAL.replace("store\n[", "store\n    no_scm = true\n[")
    git(project, "init", "-q")
    adapt_to_git(project)
    assert settings.read_text(encoding="utf-8") == LOCAL


def test_a_project_with_git_gets_no_settings(project: Path) -> None:
    git(project, "init", "-q")
    adapt_to_git(project)
    assert not (project / ".dvc/config.local").exists()


def test_another_repository_around_it_is_none_of_its_own(project: Path) -> None:
    git(project.parent, "init", "-q")
    adapt_to_git(project)
    assert (project / ".dvc/config.local").is_file()
    git(project.parent, "add", "-A")  # now that repository keeps it: the project is a folder of it
    adapt_to_git(project)
    assert (project / ".dvc/config.local").read_text(encoding="utf-8") == ""


def test_dvc_itself_works_where_it_did_not(project: Path) -> None:
    (project / ".dvc/config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
    command = ["dvc", "status"]
    before = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert "is not a git repository" in before.stderr
    adapt_to_git(project)
    after = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert after.returncode == 0, after.stderr
