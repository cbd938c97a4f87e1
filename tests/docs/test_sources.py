"""Whoever follows docs/sources.md gets a source that is read."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from darkroom.config.data import Data
from darkroom.data.annotations import PARSERS
from tests.helpers.checkouts import PROJECT, new_checkout
from tests.helpers.documented_steps import STEP, follow
from tests.helpers.own_images import photo, write_files
from tests.helpers.warm_stages import set_params

TEXT = (PROJECT / "docs/sources.md").read_text(encoding="utf-8")


@pytest.mark.integration
def test_the_steps_work(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "checkout")
    follow(checkout.root, TEXT)
    names = [
        f"{name}{sign}{number}.png" for name, sign in (("cat", "."), ("dog", "_")) for number in range(9)
    ]
    write_files(tmp_path / "pets", {name: photo(number) for number, name in enumerate(names)})
    set_params(
        checkout.root / "params.yaml",
        [f"data.source={tmp_path / 'pets'}", "data.name=pets", "evaluate.duplicate_similarity=0.99"],
    )
    assert "18 files" in checkout.stage("source")
    printed = checkout.stage("download")
    assert "18 images of 2 classes" in printed
    assert "The class is the beginning of each name." in printed
    for command in (["check"], ["format", "--check"]):
        checkout.run(sys.executable, "-m", "ruff", *command, "src/darkroom/data/labels/prefixes.py")


def test_every_block_of_code_is_a_step() -> None:
    assert len(re.findall(r"```python\n", TEXT)) == len(STEP.findall(TEXT)) == 3


def test_the_page_names_every_parser_and_parameter() -> None:
    assert not [name for name in PARSERS if name != "table" and name not in TEXT]
    parameters = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))["data"]
    for name in re.findall(r"`data\.(\w+)`", TEXT):
        assert name in parameters
        assert name in Data.model_fields
