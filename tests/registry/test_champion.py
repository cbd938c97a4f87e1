"""The champion changes by promotion and rollback, one process at a time, and its history has no gap."""

import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from benchmarks import rollback as timing
from darkroom.registry import champion_lock
from darkroom.registry.champion import history, promote, rollback
from darkroom.registry.champion_lock import exclusive
from darkroom.registry.store import RegistryError, Store, registered_name
from tests.helpers.gate import correct_but
from tests.helpers.registry import by_mlflow, champion_of, direct, register_model

NAME = registered_name("digits")


@pytest.mark.parametrize("store", [by_mlflow, direct])
def test_a_rollback_skips_deleted_versions(uri: str, tmp_path: Path, store: Callable[[str], Store]) -> None:
    for name, wrong in (("a", 100), ("b", 60), ("c", 20)):
        register_model(uri, NAME, tmp_path / name, correct_but(0, wrong))
    assert champion_of(uri, NAME) == "3"
    MlflowClient(uri).delete_model_version(NAME, "2")
    assert rollback(store(uri), NAME, why="x").after == "1"
    assert champion_of(uri, NAME) == "1"


@pytest.mark.parametrize("store", [by_mlflow, direct])
def test_after_the_champion_was_deleted_a_rollback_goes_to_the_one_before(
    uri: str, tmp_path: Path, store: Callable[[str], Store]
) -> None:
    for name, wrong in (("a", 100), ("b", 60)):
        register_model(uri, NAME, tmp_path / name, correct_but(0, wrong))
    MlflowClient(uri).delete_model_version(NAME, "2")
    assert rollback(store(uri), NAME, why="x").after == "1"
    assert champion_of(uri, NAME) == "1"


def test_the_benchmark_times_a_rollback(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    timing.measure("sqlite", uri, 1)
    assert re.fullmatch(r"sqlite +\d\.\d{3}, \d+\.\d{3} +\d\.\d{3}, \d+\.\d{3}\n", capsys.readouterr().out)


def _change_often(uri: str, number: int) -> None:
    store = direct(uri) if number % 2 else by_mlflow(uri)
    for turn in range(5):
        if (number + turn) % 2:
            try:
                rollback(store, NAME, why=f"{number}.{turn}")
            except RegistryError as error:
                assert "no earlier champion" in str(error)  # noqa: PT017  nothing to test if none is raised
        else:
            other = "2" if champion_of(uri, NAME) == "1" else "1"
            try:
                promote(store, NAME, other, why=f"{number}.{turn}")
            except RegistryError as error:
                assert "champion already" in str(error)  # noqa: PT017  another process was first


@pytest.mark.slow
def test_many_processes_at_once_leave_an_unbroken_history(uri: str, tmp_path: Path) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 100))
    register_model(uri, NAME, tmp_path / "b", correct_but(0, 120))
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_change_often, args=(uri, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    changes = history(by_mlflow(uri), NAME)
    assert [change.before for change in changes[1:]] == [change.after for change in changes[:-1]]
    assert champion_of(uri, NAME) == changes[-1].after
    assert len(changes) > 5
    assert [model.name for model in MlflowClient(uri).search_registered_models()] == [NAME], "no lock is left"


def _hold_and_die(uri: str) -> None:
    with exclusive(by_mlflow(uri), NAME):
        os.kill(os.getpid(), signal.SIGKILL)


def test_the_lock_of_a_process_that_died_is_taken_over(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 100))
    register_model(uri, NAME, tmp_path / "b", correct_but(0, 120))
    process = multiprocessing.get_context("spawn").Process(target=_hold_and_die, args=(uri,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert MlflowClient(uri).get_registered_model(f"{NAME}.lock")
    monkeypatch.setattr(champion_lock, "LOCK_SECONDS", 0.5)
    assert promote(direct(uri), NAME, "2", why="x").after == "2"
    assert [model.name for model in MlflowClient(uri).search_registered_models()] == [NAME]
