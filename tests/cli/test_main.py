"""Every command explains itself, refuses wrong arguments with status 2, and can be completed by a shell."""

import os
import subprocess
import sys

import click
import pytest

from darkroom.cli.main import commands, main
from tests.helpers.checkouts import PROJECT


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the words of each command below a group."""
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        words = (*path, name)
        found += leaves(command, words) if isinstance(command, click.Group) else [words]
    return found


def complete(words: str) -> list[str]:
    """Return what bash is offered after `words`, through the console script."""
    script = "import sys; sys.argv[0] = 'darkroom'; from darkroom.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ
        | {
            "PYTHONPATH": str(PROJECT / "src"),
            "_DARKROOM_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_the_commands_are_these() -> None:
    assert {" ".join(words) for words in leaves(commands)} == {
        *("quickstart", "list", "models", "show", "compare", "lineage", "reproduce"),
        *("promote", "rollback", "history", "deploy", "drift", "report", "help"),
        *("data use", "predict"),
        *("feedback list", "feedback review", "feedback export", "feedback propose"),
    }


@pytest.mark.parametrize("words", leaves(commands), ids=" ".join)
def test_each_command_has_a_help_with_a_text_for_every_option(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*words, "--help"])
    assert f" {' '.join(words)} [OPTIONS]" in capsys.readouterr().out.splitlines()[0]
    command: click.Command = commands
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    assert command.help
    assert not command.get_short_help_str(limit=60).endswith("..."), "the list of commands shortens it"
    assert all(option.help for option in command.params if isinstance(option, click.Option))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["no-such-command"], "No such command"),
        (["promote", "1"], "Missing option '--why'"),
        (["show"], "Missing argument 'VERSION'"),
        (["deploy", "--port", "x"], "'x' is not a valid integer"),
    ],
)
def test_wrong_arguments_end_with_status_2(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert expected in capsys.readouterr().err


def test_a_shell_completes_commands_and_options() -> None:
    assert complete("darkroom r") == ["report", "reproduce", "rollback"]
    assert complete("darkroom feedback ") == ["export", "list", "propose", "review"]
    assert "--why" in complete("darkroom promote --")
