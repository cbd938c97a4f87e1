"""The diff of a checkout is what git applies to restore it."""

import os
import subprocess
from pathlib import Path

import pytest

from darkroom.tracking import lineage
from tests.helpers.git import git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q")
    (root / "code.py").write_text("a = 1\n", encoding="utf-8")
    (root / ".gitignore").write_text("ignored\n", encoding="utf-8")
    (root / "reports").mkdir()
    (root / "reports/metrics.json").write_text("{}", encoding="utf-8")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Start")
    return root


def test_a_clean_checkout_has_no_diff(repository: Path) -> None:
    assert lineage.uncommitted_diff(repository) == b""
    assert lineage.commit(repository) == git(repository, "rev-parse", "HEAD").strip()


def test_the_diff_holds_changes_new_files_and_bytes_and_applies(repository: Path, tmp_path: Path) -> None:
    (repository / "code.py").write_text("a = 2\n", encoding="utf-8")
    (repository / "new file.py").write_text("b = 'é'\n", encoding="utf-8")
    (repository / "image.png").write_bytes(os.urandom(300))
    (repository / "latin.txt").write_bytes("Bär\n".encode("latin-1"))
    (repository / "staged.py").write_text("c = 3\n", encoding="utf-8")
    git(repository, "add", "staged.py")
    (repository / "ignored").write_text("secret", encoding="utf-8")
    (repository / "reports/metrics.json").write_text('{"new": 1}', encoding="utf-8")
    before = git(repository, "status", "--porcelain")
    diff = lineage.uncommitted_diff(repository)
    assert git(repository, "status", "--porcelain") == before, "the user's index is as it was"
    assert b"secret" not in diff
    assert b"metrics.json" not in diff
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", str(repository), str(copy))
    (tmp_path / "the.diff").write_bytes(diff)
    git(copy, "apply", str(tmp_path / "the.diff"))
    for name in ("code.py", "new file.py", "image.png", "latin.txt", "staged.py"):
        assert (copy / name).read_bytes() == (repository / name).read_bytes()


def test_outside_git_there_is_no_commit_and_no_diff(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("a = 1\n", encoding="utf-8")
    assert lineage.commit(tmp_path) is None
    assert lineage.uncommitted_diff(tmp_path) == b""


def test_an_archive_unpacked_in_another_repository_is_outside_git(repository: Path) -> None:
    project = repository / "vendor/project"
    project.mkdir(parents=True)
    (project / "code.py").write_text("a = 1\n", encoding="utf-8")
    assert lineage.commit(project) is None
    assert lineage.uncommitted_diff(project) == b""


def test_the_diff_of_a_folder_of_a_larger_repository_applies_to_that_folder(
    repository: Path, tmp_path: Path
) -> None:
    project = repository / "part"
    project.mkdir()
    (project / "code.py").write_text("a = 1\n", encoding="utf-8")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "Add a part")
    (project / "code.py").write_text("a = 2\n", encoding="utf-8")
    (repository / "code.py").write_text("not of the part\n", encoding="utf-8")
    (tmp_path / "the.diff").write_bytes(lineage.uncommitted_diff(project))
    assert lineage.commit(project) == git(repository, "rev-parse", "HEAD").strip()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "code.py").write_text("a = 1\n", encoding="utf-8")
    subprocess.run(["git", "apply", str(tmp_path / "the.diff")], cwd=copy, check=True)
    assert (copy / "code.py").read_text(encoding="utf-8") == "a = 2\n"


def test_a_repository_that_git_cannot_read_is_told(
    repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (repository / ".git/HEAD").write_text("broken", encoding="utf-8")
    assert lineage.commit(repository) is None
    (record,) = caplog.records
    assert "not a git repository" in record.getMessage()
    assert "its hash identifies the code" in record.getMessage()


def test_variables_of_a_git_hook_name_no_other_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    head = git(repository, "rev-parse", "HEAD").strip()
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", "index-of-another")
    assert lineage.commit(repository) == head


def test_the_environment_names_what_results_depend_on() -> None:
    known = lineage.environment()
    assert {"python", "platform", "torch", "mlflow"} <= set(known)
