"""MLflow's tables are accessed directly only where the schema is known; moved artifacts are found."""

from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom.registry.champion_files import write_champion
from darkroom.registry.store import registered_name
from darkroom.tracking import mlflow_tables
from darkroom.tracking.artifact_places import relocate_artifacts
from darkroom.tracking.mlflow_tables import UnknownRevisionError
from darkroom.tracking.store_errors import TrackingError
from tests.helpers.gate import correct_but
from tests.helpers.registry import darkroom, register_model
from tests.helpers.revisions import OTHER_REVISIONS, database, install_revision, rows, set_revision

NAME = registered_name("digits")


def test_a_moved_store_finds_its_files(tmp_path: Path) -> None:
    old, new = tmp_path / "old place", tmp_path / "new place"
    old.mkdir()
    register_model(f"sqlite:///{old / 'mlflow.db'}", NAME, tmp_path / "a", correct_but(0, 100))
    old.rename(new)
    uri = f"sqlite:///{new / 'mlflow.db'}"
    assert "no version" not in darkroom(uri, NAME, "lineage", "champion")
    info = write_champion(uri, NAME, tmp_path / "champion")
    assert info["version"] == "1"
    better = register_model(uri, NAME, tmp_path / "b", correct_but(0, 50))
    assert better.verdict.outcome == "better"
    assert not old.exists()


def test_a_copied_store_still_uses_the_files_of_the_original(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    register_model(f"sqlite:///{old / 'mlflow.db'}", NAME, tmp_path / "a", correct_but(0, 100))
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "mlflow.db").write_bytes((old / "mlflow.db").read_bytes())
    info = write_champion(f"sqlite:///{copy / 'mlflow.db'}", NAME, tmp_path / "champion")
    assert info["version"] == "1"


ACCESSES: dict[str, Callable[[Path], object]] = {
    "read_model": lambda file: mlflow_tables.read_model(file, "a"),
    "version_numbers": lambda file: mlflow_tables.version_numbers(file, "a"),
    "set_model_tag": lambda file: mlflow_tables.set_model_tag(file, "a", "key", "1"),
    "set_model_alias": lambda file: mlflow_tables.set_model_alias(file, "a", "champion", "1"),
    "create_model": lambda file: mlflow_tables.create_model(file, "b", {"key": "1"}),
    "delete_model": lambda file: mlflow_tables.delete_model(file, "a"),
}


@pytest.mark.parametrize("revision", OTHER_REVISIONS)
@pytest.mark.parametrize("access", ACCESSES.values(), ids=ACCESSES)
def test_another_revision_is_refused_before_anything_is_written(
    uri: str, access: Callable[[Path], object], revision: str
) -> None:
    file = database(uri)
    assert mlflow_tables.create_model(file, "a", {"key": "0"})
    set_revision(uri, revision)
    before = rows(uri)
    with pytest.raises(UnknownRevisionError, match=revision):
        access(file)
    assert rows(uri) == before


def test_a_write_that_fails_is_undone_as_a_whole(uri: str) -> None:
    file = database(uri)
    with pytest.raises(AttributeError):
        mlflow_tables.create_model(file, "a", None)  # type: ignore[arg-type]
    assert mlflow_tables.read_model(file, "a") is None


@pytest.mark.parametrize("revision", OTHER_REVISIONS)
def test_a_moved_store_of_another_revision_finds_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    register_model(f"sqlite:///{old / 'mlflow.db'}", NAME, tmp_path / "a", correct_but(0, 100))
    before = rows(f"sqlite:///{old / 'mlflow.db'}")
    old.rename(new)
    uri = f"sqlite:///{new / 'mlflow.db'}"
    set_revision(uri, revision)
    with pytest.raises(TrackingError, match=r"written by an? (older|newer) MLflow than the installed"):
        relocate_artifacts(uri)
    assert rows(uri) == before
    install_revision(monkeypatch, revision)
    relocate_artifacts(uri)
    assert rows(uri) == {
        table: [
            tuple(cell.replace(old.as_uri(), new.as_uri()) if isinstance(cell, str) else cell for cell in row)
            for row in content
        ]
        for table, content in before.items()
    }
    assert write_champion(uri, NAME, tmp_path / "champion")["version"] == "1"
