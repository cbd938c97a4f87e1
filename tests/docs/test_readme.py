"""The README's commands exist."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from darkroom.config import read_yaml

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")


def mentioned(pattern: str) -> list[str]:
    return sorted(set(re.findall(pattern, README)))


@pytest.mark.parametrize("target", mentioned(r"\bmake ([a-z-]+)"))
def test_a_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
    done = subprocess.run(["make", "-n", target], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", mentioned(r"\bdvc ((?:exp |metrics |plots |queue )?[a-z]+)"))
def test_a_dvc_command_exists(command: str) -> None:
    done = subprocess.run(["dvc", *command.split(), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_modules_exist() -> None:
    for module in mentioned(r"\bpython -m ([a-z_.]+)"):
        assert find_spec(module), module


@pytest.mark.parametrize("command", mentioned(r"python -m darkroom ([a-z]+)"))
def test_a_registry_command_exists(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "darkroom", command, "--help"],
        cwd=PROJECT / "src",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0


def test_params_named_by_the_readme_exist() -> None:
    tree = read_yaml(PROJECT / "params.yaml")
    for name in mentioned(r"-S '?([a-z_.]+)="):
        below = tree
        for key in name.split("."):
            below = below[key]


@pytest.mark.parametrize("link", mentioned(r"\]\(([^)#:]+)\)"))
def test_a_linked_file_exists(link: str) -> None:
    assert (PROJECT / link).exists()
