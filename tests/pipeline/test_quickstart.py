"""`make quickstart`, the first command a new user runs."""

import re
import sys
from pathlib import Path

import pytest

from darkroom.files import read_json
from tests.helpers.checkouts import new_checkout


@pytest.mark.slow
def test_the_quickstart_reports_its_results_and_leaves_the_checkout_clean(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "checkout")
    printed = checkout.run(sys.executable, "-m", "darkroom", "quickstart").stdout
    assert checkout.run("git", "status", "--porcelain").stdout == ""
    (name,) = set(re.findall(r"quickstart-[0-9-]+", printed))
    checkout.run("dvc", "exp", "apply", name)
    test = read_json(checkout.root / "reports/metrics.json")["test"]
    bento = read_json(checkout.root / "reports/bento.json")
    for result in (
        f"{test['accuracy']:.2%}",
        f"{test['accuracy_low']:.2%}",
        "darkroom-digits version 1",
        bento["tag"],
    ):
        assert result in printed
    for command in ("make serve", "make ui", "make repro"):
        assert command in printed
    assert re.findall("Running stage '(.*)'", checkout.run("dvc", "repro").stdout) == ["source"]
