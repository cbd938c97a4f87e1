"""The sqlite store gives the same results as MLflow's client, and leaves unknown schemas to the client."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from darkroom.registry.mlflow_store import MlflowStore
from darkroom.registry.sqlite_store import SqliteStore
from darkroom.registry.store import RegistryError, Store, open_store, registered_name
from tests.helpers.gate import correct_but
from tests.helpers.registry import by_mlflow, darkroom, direct, new_store, register_model
from tests.helpers.revisions import OTHER_REVISIONS, install_revision, rows, set_revision

NAME = registered_name("digits")


def test_the_results_are_those_of_mlflow_s_client(uri: str, tmp_path: Path) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 100))
    for one, other in ((direct(uri), by_mlflow(uri)), (by_mlflow(uri), direct(uri))):
        assert one.read(NAME) == other.read(NAME)
        assert one.read("none") is other.read("none") is None
        assert one.versions(NAME) == other.versions(NAME) == ["1"]
        assert one.create("lock", {"owner": "ü"})
        assert not other.create("lock", {"owner": "me"})
        held = other.read("lock")
        assert held is not None
        assert (held.tags, held.champion) == ({"owner": "ü"}, None)
        for number in "12":
            one.set_tag("lock", "key", number)
            assert other.read("lock") == replace(held, tags={"owner": "ü", "key": number})
        other.delete("lock")
        one.delete("lock")
        assert one.read("lock") is None
        one.set_champion(NAME, "1")
        assert other.read(NAME) == one.read(NAME)


@pytest.fixture
def client_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the names of the methods of MlflowStore that are called."""
    calls: list[str] = []

    def recorded(name: str) -> Any:
        method = getattr(MlflowStore, name)

        def call(*arguments: Any) -> Any:
            calls.append(name)
            return method(*arguments)

        return call

    for name in ("read", "versions", "set_tag", "set_champion", "create", "delete"):
        monkeypatch.setattr(MlflowStore, name, recorded(name))
    return calls


def use(store: Store, uri: str) -> list[object]:
    """Call every method of a store; return the results."""
    results: list[object] = [store.create(NAME, {"key": "1"}), store.create(NAME, {"key": "2"})]
    store.set_tag(NAME, "key", "3")
    store.set_tag(NAME, "other", "ü")
    results += [store.read(NAME), store.read("none")]
    for _ in range(2):
        MlflowClient(uri).create_model_version(NAME, source="s3://nowhere/model")
    store.set_champion(NAME, "1")
    store.set_champion(NAME, "2")
    results.append(store.read(NAME))
    MlflowClient(uri).delete_model_version(NAME, "1")
    results += [store.versions(NAME), store.create("lock", {"owner": "me"})]
    store.delete("lock")
    store.delete("lock")
    return [*results, store.read("lock")]


@pytest.mark.parametrize("revision", OTHER_REVISIONS)
def test_with_another_revision_every_call_goes_through_mlflow_with_the_same_result(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client_calls: list[str], revision: str
) -> None:
    known = new_store(tmp_path / "known.db")
    expected = use(open_store(known), known)
    assert client_calls == []
    install_revision(monkeypatch, revision)
    set_revision(uri, revision)
    store = open_store(uri)
    assert isinstance(store, SqliteStore)
    assert use(store, uri) == expected
    assert client_calls == [
        *("create", "create", "set_tag", "set_tag", "read", "read"),
        *("set_champion", "set_champion", "read", "versions", "create", "delete", "delete", "read"),
    ]
    assert rows(uri) == rows(known)


@pytest.mark.parametrize("revision", OTHER_REVISIONS)
def test_the_revision_is_checked_before_each_write(
    uri: str, monkeypatch: pytest.MonkeyPatch, client_calls: list[str], revision: str
) -> None:
    store = open_store(uri)
    assert store.create(NAME, {})
    assert client_calls == []
    install_revision(monkeypatch, revision)
    set_revision(uri, revision)  # as if another process had upgraded the database
    store.set_tag(NAME, "key", "1")
    assert client_calls == ["set_tag"]
    model = store.read(NAME)
    assert model is not None
    assert model.tags == {"key": "1"}


@pytest.mark.parametrize("revision", OTHER_REVISIONS)
def test_a_revision_that_the_installed_mlflow_refuses_is_reported_and_nothing_is_written(
    uri: str, tmp_path: Path, revision: str
) -> None:
    for name, wrong in (("a", 100), ("b", 50)):
        register_model(uri, NAME, tmp_path / name, correct_but(0, wrong))
    copy = f"sqlite:///{tmp_path / 'copy.db'}"  # which this process has not opened: MLflow checks once
    shutil.copyfile(tmp_path / "mlflow.db", tmp_path / "copy.db")
    set_revision(copy, revision)
    before = rows(copy)
    writes: tuple[Callable[[Store], object], ...] = (
        lambda store: store.create("lock", {}),
        lambda store: store.set_tag(NAME, "key", "1"),
        lambda store: store.set_champion(NAME, "1"),
        lambda store: store.delete(NAME),
    )
    for write in writes:
        with pytest.raises(RegistryError, match=rf"by an? (older|newer) MLflow than .*{revision}"):
            write(open_store(copy))
    assert "MLflow than the installed" in darkroom(copy, NAME, "rollback", check=False)
    assert rows(copy) == before


def test_stores_that_only_mlflow_knows_are_left_to_its_client(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(open_store("postgresql://localhost/x"), MlflowStore)
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    assert isinstance(open_store(uri), MlflowStore)


def test_a_file_that_is_not_a_database_is_reported(uri: str) -> None:
    Path(uri.removeprefix("sqlite:///")).write_bytes(b"no database" * 1000)
    for command in ("rollback", "list"):
        assert "not a database" in darkroom(uri, NAME, command, check=False)
