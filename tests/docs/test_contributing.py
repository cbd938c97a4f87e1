"""Whoever follows CONTRIBUTING.md gets a loss, a network, a source, a metric and a stage that work."""

import re
import sys
from pathlib import Path

import pytest

from darkroom.cli.quickstart import SMALL
from darkroom.files import read_json
from tests.helpers.checkouts import PROJECT, new_checkout
from tests.helpers.documented_steps import STEP, follow
from tests.helpers.warm_stages import run_stages, set_params

TEXT = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.ci
def test_the_steps_work(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "checkout")
    root = checkout.root
    follow(root, TEXT)
    changes = [change for change in SMALL if not change.startswith(("data.", "tune.", "evaluate."))]
    changes += ["data.name=stripes", "train.loss=focal", "model.architecture=tiny", "train.epochs=3"]
    changes += ["tune.trials=0", "tune.space={}"]
    set_params(root / "params.yaml", changes)
    stages = ["download", "preprocess", "tune", "train", "calibrate", "evaluate", "headline", "export"]
    run_stages(checkout, stages)
    test = read_json(root / "reports/metrics.json")["test"]
    assert test["accuracy"] > 0.9
    assert test["matthews"] > 0.8
    assert "matthews" in (root / "reports/model_card.md").read_text(encoding="utf-8").lower()
    headline = (root / "reports/headline.txt").read_text(encoding="utf-8")
    assert headline == f"test accuracy {test['accuracy']:.2%}\n"
    for command in (["check", "--fix"], ["format"], ["check"]):  # `make format`, and what `make lint` checks
        checkout.run(sys.executable, "-m", "ruff", *command, "src", "pipeline")
    checkout.run(sys.executable, "docs/draw_architecture.py")
    checks = [
        "tests/config/test_names.py",
        "tests/pipeline/test_dependencies.py",
        "tests/docs/test_architecture.py",
    ]
    checkout.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *checks)


def test_every_block_of_code_is_a_step() -> None:
    blocks = re.findall(r"```(?:python|yaml)\n", TEXT)
    assert len(blocks) == len(STEP.findall(TEXT)) > 10
