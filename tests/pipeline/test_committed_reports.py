"""Committed reports hold results alone: where results repeat, git sees no change."""

import csv
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from darkroom.config import read_yaml
from tests.helpers.checkouts import PROJECT, Checkout
from tests.helpers.git import git

STAGES: dict[str, Any] = read_yaml(PROJECT / "dvc.yaml")["stages"]
# Words in names of what differs between two equal runs: times, and facts of the machine.
VARYING = {
    *("bytes", "commit", "date", "device", "duration", "environment", "host", "milliseconds", "ms"),
    *("platform", "second", "seconds", "started", "time", "timestamp"),
}
SIZE_OF_THE_SOURCE = ("data.json", "source.bytes")  # the archive's, which is part of the data's identity


def reports(*, cached: bool) -> list[str]:
    """Return the stages' outputs below reports/ that DVC caches, or those that git keeps."""
    found = []
    for stage in STAGES.values():
        for out in [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]:
            name, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
            if name.startswith("reports/") and options.get("cache", True) == cached:
                found.append(name)
    return found


def keys(tree: Any, above: str = "") -> Iterator[str]:
    """Yield the paths, with dots, of all keys of a JSON tree."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield f"{above}{key}"
            yield from keys(value, f"{above}{key}.")
    if isinstance(tree, list):
        for value in tree:
            yield from keys(value, above)


def names_in(path: Path) -> list[str]:
    """Return the keys of a JSON file or the columns of a CSV file."""
    text = path.read_text(encoding="utf-8")
    return list(keys(json.loads(text))) if path.suffix == ".json" else next(csv.reader(text.splitlines()))


def test_the_key_search_sees_nested_keys() -> None:
    assert list(keys({"a": [{"seconds": 1}], "b": {"c": 2}})) == ["a", "a.seconds", "b", "b.c"]


@pytest.mark.parametrize("cached", [True, False])
def test_git_ignores_exactly_the_cached_reports(cached: bool, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")  # the sources may lie outside git
    (tmp_path / "reports").mkdir()
    for name in (".gitignore", "reports/.gitignore"):
        shutil.copyfile(PROJECT / name, tmp_path / name)
    ignored = [
        subprocess.run(["git", "-C", str(tmp_path), "check-ignore", "-q", "--no-index", name], check=False)
        for name in reports(cached=cached)
    ]
    assert ignored
    assert {done.returncode for done in ignored} == {0 if cached else 1}


def test_committed_reports_hold_no_times_and_no_facts_of_the_machine(digits_run: Checkout) -> None:
    committed = [name for name in reports(cached=False) if Path(name).suffix in (".json", ".csv")]
    assert len(committed) > 15
    for name in committed:
        path = digits_run.root / name
        varying = {key for key in names_in(path) if VARYING & set(key.rpartition(".")[2].lower().split("_"))}
        if path.name == SIZE_OF_THE_SOURCE[0]:
            varying.discard(SIZE_OF_THE_SOURCE[1])
        assert not varying, f"{name} has {', '.join(sorted(varying))}"


@pytest.mark.ci
def test_calibrating_and_evaluating_again_changes_no_committed_report(digits_run: Checkout) -> None:
    root = digits_run.root
    before = {name: (root / name).read_bytes() for name in reports(cached=False)}
    for stage in ("calibrate", "evaluate"):
        digits_run.stage(stage)
    changed = [name for name, content in before.items() if (root / name).read_bytes() != content]
    assert changed == []
