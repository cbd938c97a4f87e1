"""`--json`: one JSON document on standard output, errors too; messages go to standard error."""

import json
from pathlib import Path
from typing import Any

import pytest

from darkroom.cli.main import commands, main
from darkroom.feedback.store import read_items
from tests.helpers.feedback import report
from tests.helpers.gate import correct_but
from tests.helpers.registry import new_store, register_model

DIGITS = "darkroom-digits"


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a registry with two versions of one model."""
    folder = tmp_path_factory.mktemp("two")
    uri = new_store(folder / "mlflow.db")
    register_model(uri, DIGITS, folder / "a", correct_but(0, 100))
    register_model(uri, DIGITS, folder / "b", correct_but(50, 150))
    return uri


def result(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Any:
    """Run a command with --json; return what standard output holds."""
    capsys.readouterr()
    main([*map(str, words), "--json"])
    return json.loads(capsys.readouterr().out)


def test_versions_as_json(two_versions: str, capsys: pytest.CaptureFixture[str]) -> None:
    uri = ("--uri", two_versions)
    listed = result(capsys, "list", *uri)
    assert [(row["model"], row["version"], row["champion"]) for row in listed] == [
        (DIGITS, "2", False),
        (DIGITS, "1", True),
    ]
    assert listed[0]["test_accuracy"] == 0.9
    assert listed[0]["verdict"]["paired"]["p_value"] == 1
    assert result(capsys, "models", *uri) == [{"name": DIGITS, "versions": 2, "champion": "1"}]
    assert result(capsys, "show", "2", *uri) == listed[0]
    compared = result(capsys, "compare", "2", "1", *uri)
    assert [version["test_accuracy"] for version in compared["versions"]] == [0.9, 0.9]
    assert compared["paired"]["only_first"] == compared["paired"]["only_second"] == 50
    assert compared["not_comparable"] is None
    origin = result(capsys, "lineage", "1", *uri)
    assert (origin["model"], origin["version"], origin["uncommitted_diff"]) == (DIGITS, "1", "")
    assert origin["parameters"]["train"]["epochs"] == 3
    assert result(capsys, "--json", "history", *uri)[0]["after"] == "1"


def test_changes_of_champion_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri = new_store(tmp_path / "mlflow.db")
    register_model(uri, DIGITS, tmp_path / "a", correct_but(0, 100))
    register_model(uri, DIGITS, tmp_path / "b", correct_but(0, 120))
    promoted = result(capsys, "promote", "2", "--why", "ä", "--uri", uri)
    assert (promoted["model"], promoted["before"], promoted["after"]) == (DIGITS, "1", "2")
    assert promoted["why"] == "ä"
    assert result(capsys, "rollback", "--uri", uri)["after"] == "1"


def test_feedback_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "feedback"
    sha256 = report(folder, 1, "cat")
    where = ("--folder", folder)
    listed = result(capsys, "feedback", "list", *where)
    assert (listed["images"], listed["undecided"]) == (1, 1)
    assert listed["listed"][0]["sha256"] == sha256
    assert listed["listed"][0]["decision"] is None
    decided = result(capsys, "feedback", "review", *where, sha256[:12], "--confirm")
    assert decided == {"saved": 1, "unchanged": 0}
    assert result(capsys, "feedback", "list", *where)["listed"][0]["decision"]["action"] == "confirm"
    exported = result(capsys, "feedback", "export", *where, "--into", tmp_path / "into")
    assert (exported["new"], exported["missing"]) == (1, [])
    assert len(read_items(folder)) == 1


def test_the_report_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert result(capsys, "report", "--against", "HEAD")["markdown"].startswith("# Report")


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (["show", "9"], 1, "has no version '9'"),
        (["compare", "1", "9"], 1, "has no version '9'"),
        (["lineage", "9"], 1, "has no version '9'"),
        (["promote", "9", "--why", "x"], 1, "has no version '9'"),
        (["promote", "1", "--why", "x"], 1, "is the champion already"),
        (["rollback"], 1, "no earlier champion"),
        (["reproduce", "9", "--into", "nowhere"], 1, "has no version '9'"),
        (["deploy", "--port", "1"], 1, "1"),
        (["list", "--uri", "sqlite:////nowhere/none.db"], 1, "/nowhere/none.db does not exist"),
        (["show"], 2, "Missing argument"),
        (["lst"], 2, "Did you mean"),
        (["feedback", "list", "--folder", "/nowhere"], 1, "/nowhere"),
        (["drift", "--log", "/nowhere", "--reference", "/nowhere", "--html", "x"], 1, "/nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_errors_are_json_too(
    two_versions: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    status: int,
    error: str,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", two_versions)
    for given in ([*words, "--json"], ["--json", *words]):
        if given[0] == "--json" and words[0] in ("feedback", "drift"):
            continue
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(given)
        out, err = capsys.readouterr()
        document = json.loads(out)
        assert error in document["error"]
        if status == 1:
            assert ended.value.code == document["error"]  # Python prints it on standard error
        else:
            assert ended.value.code == 2
            assert document["error"] in err


def test_every_command_that_prints_a_result_takes_json() -> None:
    import click

    def options(group: click.Group) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for name, command in group.commands.items():
            if isinstance(command, click.Group):
                found |= options(command)
            else:
                found[name] = {option for parameter in command.params for option in parameter.opts}
        return found

    without = {name for name, known in options(commands).items() if "--json" not in known}
    assert without == {"quickstart", "help"}, "what these print is for people"
