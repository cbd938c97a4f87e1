"""The fingerprint of a run changes with its settings, its data and its code."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from darkroom.training.fingerprint import fingerprint


def test_a_fingerprint_depends_on_settings_and_data() -> None:
    name = fingerprint({"a": 1, "b": {"c": 2}}, ["x", "y"])
    assert fingerprint({"b": {"c": 2}, "a": 1}, ["x", "y"]) == name, "the order of keys does not matter"
    assert fingerprint({"a": 1, "b": {"c": 3}}, ["x", "y"]) != name
    assert fingerprint({"a": 1, "b": {"c": 2}}, ["x", "z"]) != name
    assert fingerprint({"a": 1, "b": {"c": 2}}, ["y", "x"]) != name, "training and validation part"


@pytest.mark.parametrize("module", ["darkroom.fresh", "pipeline.fresh", "__main__"])
def test_a_fingerprint_changes_with_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    # python -m pipeline.tune runs the stage under the name __main__, and the trial's training is in there
    code = tmp_path / "fresh.py"
    code.write_text("a = 1\n")
    fresh = ModuleType(module)
    fresh.__file__ = str(code)
    monkeypatch.setitem(sys.modules, module, fresh)
    before = fingerprint({}, [])
    assert fingerprint({}, []) == before
    code.write_text("a = 2\n")
    assert fingerprint({}, []) != before


def test_modules_of_other_packages_do_not_change_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint({}, [])
    code = tmp_path / "other.py"
    code.write_text("")
    other = ModuleType("darkroomy")
    other.__file__ = str(code)
    monkeypatch.setitem(sys.modules, "darkroomy", other)
    assert fingerprint({}, []) == before
