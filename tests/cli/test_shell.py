"""The script `darkroom` in a real shell: completion, a closed pipe, Ctrl-C."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.checkouts import PROJECT

ENVIRONMENT = os.environ | {"PYTHONPATH": str(PROJECT / "src"), "LANG": "C.UTF-8"}


@pytest.fixture
def path_with_script(tmp_path: Path) -> str:
    """Return a PATH on which `darkroom` is what `make install` puts into the environment."""
    installed = Path(sys.executable).parent / "darkroom"
    if not installed.is_file():
        pytest.skip("the environment was not made by `make install`")
    return f"{installed.parent}{os.pathsep}{os.environ['PATH']}"


def bash(script: str, path: str) -> str:
    """Return what bash prints for a script."""
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", script],
        env=ENVIRONMENT | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    return done.stdout


def test_bash_completes_with_the_line_of_the_documentation(path_with_script: str) -> None:
    text = (PROJECT / "docs/command-line.md").read_text(encoding="utf-8")
    line = next(line.partition("#")[0].strip() for line in text.splitlines() if "bash_source" in line)
    script = [line, "complete -p darkroom"]
    for words in (["darkroom", "ro"], ["darkroom", "list", "--"], ["darkroom", "feedback", ""]):
        script += [
            f"COMP_WORDS=({' '.join(map(repr, words))})",
            f"COMP_CWORD={len(words) - 1}",
            "COMPREPLY=()",
        ]
        script += ["_darkroom_completion darkroom", 'echo "${COMPREPLY[@]}"']
    registered, commands, options, below = bash("\n".join(script), path_with_script).splitlines()
    assert registered.endswith("-F _darkroom_completion darkroom")
    assert commands == "rollback"
    assert {"--name", "--uri", "--json"} <= set(options.split())
    assert below.split() == ["export", "list", "propose", "review"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_accept_the_script_for_completion(shell: str, path_with_script: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    script = bash(f"_DARKROOM_COMPLETE={shell}_source darkroom", path_with_script)
    done = subprocess.run([program, "-n"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "darkroom", "help"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()  # long before the program has imported what it prints with
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait() == 1


def test_ctrl_c_ends_a_command_with_the_status_of_shells() -> None:
    script = (
        "import os, signal, click\n"
        "from darkroom.cli.main import commands, main\n"
        "@commands.command()\n"
        "def wait() -> None:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    signal.pause()\n"
        "main(['wait'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr.strip() == ""
