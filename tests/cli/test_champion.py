"""`promote`, `rollback` and `history` work as commands, without waiting for MLflow's import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.registry.champion import history
from darkroom.registry.store import registered_name
from tests.helpers.checkouts import PROJECT
from tests.helpers.gate import correct_but
from tests.helpers.registry import by_mlflow, champion_of, darkroom, register_model

NAME = registered_name("digits")


def test_promote_rollback_and_history(uri: str, tmp_path: Path) -> None:
    for name, wrong in (("a", 100), ("b", 120), ("c", 140)):
        register_model(uri, NAME, tmp_path / name, correct_but(0, wrong))
    assert "version 3 is champion, it was 1" in darkroom(
        uri, NAME, "promote", "3", "--why", "smaller, for the phone"
    )
    assert "version 2 is champion, it was 3" in darkroom(uri, NAME, "promote", "2", "--why", "a compromise")
    assert "version 3 is champion, it was 2" in darkroom(uri, NAME, "rollback", "--why", "worse at night")
    assert "version 1 is champion, it was 3" in darkroom(uri, NAME, "rollback")
    assert "no earlier champion" in darkroom(uri, NAME, "rollback", check=False)
    told = darkroom(uri, NAME, "history").splitlines()
    assert [line.split("  ")[-1].strip() for line in told[2:]] == [
        "smaller, for the phone",
        "a compromise",
        "worse at night",
        "rolled back",
    ]
    assert "None" not in "".join(told)
    assert "none -> 1" in told[1]


def test_a_rollback_imports_neither_mlflow_nor_pandas_nor_torch(uri: str, tmp_path: Path) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 100))
    register_model(uri, NAME, tmp_path / "b", correct_but(0, 50))
    script = (
        "import sys; from darkroom.__main__ import main; main(sys.argv[1:]); "
        "print([name for name in ('mlflow', 'pandas', 'torch') if name in sys.modules])"
    )
    arguments = ("--uri", uri, "--name", NAME, "rollback")
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=os.environ | {"PYTHONPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert champion_of(uri, NAME) == "1"


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("show", "7"), "no version '7'; there are: 1"),
        (("promote", "1", "--why", "x"), "is the champion already"),
        (("promote", "7", "--why", "x"), "no version '7'"),
        (("promote", "1", "--why", " "), "the reason must have 1 to 1000 characters, got 0"),
        (("lineage", "7"), "no version '7'"),
    ],
)
def test_an_impossible_command_states_why(
    uri: str, tmp_path: Path, arguments: tuple[str, ...], printed: str
) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 100))
    assert printed in darkroom(uri, NAME, *arguments, check=False)
    assert len(history(by_mlflow(uri), NAME)) == 1
