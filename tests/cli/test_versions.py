"""`list`, `show` and `compare` print what the registry holds; a broken registry ends them with a message."""

from pathlib import Path

import pytest

from darkroom.registry.store import registered_name
from tests.helpers.gate import correct_but
from tests.helpers.registry import darkroom, register_model

NAME = registered_name("digits")


@pytest.mark.slow
def test_list_show_and_compare(uri: str, tmp_path: Path) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 100))
    register_model(uri, NAME, tmp_path / "b", correct_but(50, 150))
    listed = darkroom(uri, NAME, "list").splitlines()
    assert listed[0].split() == ["version", "test", "accuracy", "commit", "verdict"]
    accuracy = "90.00% (88.00% to 91.00%)"
    assert listed[1].split() == ["2", *accuracy.split(), "01234567", "no", "better"]
    assert listed[2].split() == ["1", "champion", *accuracy.split(), "01234567", "first"]
    shown = darkroom(uri, NAME, "show", "champion")
    assert "promoted: there was no champion" in shown
    assert "test_sha256" in shown
    compared = darkroom(uri, NAME, "compare", "2", "1")
    assert "90.00% (87.98% to 91.71%)" in compared
    assert "+0.00 points" in compared
    assert "only this version is correct on 50 and only version 1 on 50, p = 1" in compared
    assert "train.learning_rate" in compared


def test_a_missing_file_is_reported_and_not_created(tmp_path: Path) -> None:
    printed = darkroom(f"sqlite:///{tmp_path / 'none.db'}", NAME, "list", check=False)
    assert "none.db does not exist" in printed
    assert not list(tmp_path.iterdir())


def test_a_server_that_does_not_respond_is_reported_without_secrets() -> None:
    for command in ("list", "rollback"):
        printed = darkroom("http://someone:secret@127.0.0.1:9", NAME, command, check=False)
        assert "the registry at http://127.0.0.1:9 cannot be used" in printed
        assert "secret" not in printed
