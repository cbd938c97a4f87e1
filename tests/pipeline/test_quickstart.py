"""`make quickstart`, the first command a new user runs."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from darkroom.files import read_json
from darkroom.tracking.sources import code_sha256
from tests.helpers.checkouts import FOLDER, new_checkout
from tests.helpers.warm_stages import ALWAYS

ODD_AND_DEEP = "/".join(
    ["-~a;b,c=d+e[f]g*h!i|j<k>l^m@n ", *["vierzig Zeichen lang, mit ä und 日本 darin"] * 5]
)


@pytest.mark.slow
@pytest.mark.parametrize("folder", [FOLDER, ODD_AND_DEEP])
def test_the_quickstart_reports_its_results_and_leaves_the_checkout_clean(
    folder: str, tmp_path: Path
) -> None:
    checkout = new_checkout(tmp_path / folder / "checkout")
    printed = checkout.run(sys.executable, "-m", "darkroom", "quickstart").stdout
    assert checkout.run("git", "status", "--porcelain").stdout == ""
    (name,) = set(re.findall(r"quickstart-[0-9-]+", printed))
    assert name in checkout.run("dvc", "exp", "show", "--csv").stdout
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
    for command in ("make serve", "make ui", "make repro", "dvc exp show"):
        assert command in printed
    assert set(re.findall("Running stage '(.*)'", checkout.run("dvc", "repro").stdout)) == ALWAYS
    lineage = checkout.run("python", "-m", "darkroom", "--name", "darkroom-digits", "lineage", "1").stdout
    assert checkout.run("git", "rev-parse", "HEAD").stdout.strip() in lineage


@pytest.mark.slow
def test_without_git_the_quickstart_works_and_its_model_is_reproduced(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / FOLDER / "checkout")
    root = checkout.root
    shutil.rmtree(root / ".git")
    files = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    printed = checkout.run(sys.executable, "-m", "darkroom", "quickstart").stdout
    assert "darkroom-digits version 1" in printed
    assert "DVC keeps no experiment of this run: git has no commit of this folder" in printed
    assert {path: path.read_bytes() for path in files} == files
    command = ("python", "-m", "darkroom", "--name", "darkroom-digits")
    lineage = checkout.run(*command, "lineage", "champion").stdout
    assert f"no git: the code's hash is {code_sha256(root)}" in lineage
    into = tmp_path / "again"
    reproduced = checkout.run(*command, "reproduce", "champion", "--into", str(into)).stdout
    assert "weights: the same to the bit" in reproduced
    with open(root / "pipeline/train.py", "a", encoding="utf-8") as file:
        file.write("# changed\n")
    other = tmp_path / "another"
    refused = checkout.run(*command, "reproduce", "champion", "--into", str(other), check=False)
    assert "Unpack the sources that it was made from" in refused.stderr
    assert not other.exists()
