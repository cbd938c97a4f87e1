"""Run stages of the pipeline without a new interpreter for each: their imports take longer than their work.

One process runs the scripts one after the other, each from its first line, as `python -m pipeline.<stage>`
does.
(Forking for each stage was tried and deadlocks: libraries that are loaded by then have threads.)
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.helpers.checkouts import Checkout

ALWAYS = {"source", "backbone"}  # stages that look, with every `dvc repro`, at what DVC does not watch
RUNNER = """
import os, runpy, sys

stages = sys.argv[1:]
sys.path.insert(0, os.getcwd())
for stage in stages:
    sys.argv = [f"pipeline/{stage}.py"]
    runpy.run_module(f"pipeline.{stage}", run_name="__main__")
"""


def run_stages(checkout: Checkout, stages: Sequence[str]) -> str:
    """Run the stages one after the other in a checkout; return what they printed.

    Raises AssertionError, with all output, when one fails.
    """
    return checkout.run(sys.executable, "-c", RUNNER, *stages).stdout


def set_params(path: Path, changes: Sequence[str]) -> None:
    """Set values in a params.yaml, each given as `train.epochs=2`, the way `dvc exp run -S` does.

    Comments stay, as they do with DVC, which writes the file with the same library.
    """
    yaml = YAML()
    tree = yaml.load(path.read_text(encoding="utf-8"))
    for change in changes:
        name, _, value = change.partition("=")
        *groups, leaf = name.split(".")
        place: Any = tree
        for group in groups:
            place = place[group]
        place[leaf] = YAML(typ="safe").load(value)
    with open(path, "w", encoding="utf-8") as file:
        yaml.dump(tree, file)


def stage_names(tree: Mapping[str, Any]) -> list[str]:
    """Return the names of the stages of a dvc.yaml, in the order in which they stand there."""
    return list(tree["stages"])
