"""The origin of a version is printed, and the version is reproduced from it."""

import re
import shutil
from pathlib import Path

import pytest

from darkroom.files import read_json
from darkroom.registry import reproduction
from darkroom.registry.store import RegistryError
from darkroom.tracking.sources import code_sha256
from tests.helpers.checkouts import Checkout, commit


def darkroom(checkout: Checkout, *arguments: str, check: bool = True, **environment: str) -> str:
    """Run `python -m darkroom` in a checkout; return what it printed."""
    done = checkout.run(
        "python", "-m", "darkroom", "--name", "darkroom-digits", *arguments, check=check, **environment
    )
    return done.stdout + done.stderr


def test_the_lineage_of_a_served_version_is_printed(digits_run: Checkout) -> None:
    checkout = digits_run
    served = read_json(checkout.root / "models/champion/model.json")["version"]
    printed = darkroom(checkout, "lineage", served)
    data = read_json(checkout.root / "reports/data.json")
    study = read_json(checkout.root / "reports/tune.json")["study"]
    bento = read_json(checkout.root / "reports/bento.json")["tag"]
    commit = checkout.run("git", "rev-parse", "HEAD").stdout.strip()
    for fact in (
        commit,
        data["source"]["source"],
        *data["sha256"].values(),
        study,
        bento,
        "torch",
        "uncommitted",
    ):
        assert fact in printed
    tuned = read_json(checkout.root / "models/tuned.json")
    assert f"{tuned['train']['learning_rate']}" in printed
    assert re.search(r"^\+ *name: digits", printed, flags=re.MULTILINE), (
        "what the experiment changed in params.yaml"
    )
    assert printed == darkroom(checkout, "lineage", "champion")


@pytest.mark.ci
def test_a_version_is_reproduced_to_the_bit(digits_run: Checkout, tmp_path: Path) -> None:
    checkout = digits_run
    before = checkout.run("git", "status", "--porcelain").stdout
    into = tmp_path / "again"
    printed = darkroom(checkout, "reproduce", "champion", "--into", str(into))
    assert "weights: the same to the bit" in printed
    assert re.search(r"metrics: all \d+ the same", printed)
    assert "epoch 12/12" in printed, "it was really trained"
    assert checkout.run("git", "status", "--porcelain").stdout == before
    printed = darkroom(checkout, "reproduce", "champion", "--into", str(into), check=False)
    assert "exists already" in printed


def test_a_failed_checkout_states_why_and_leaves_nothing(digits_run: Checkout, tmp_path: Path) -> None:
    root, into = digits_run.root, tmp_path / "again"
    diff = tmp_path / "the.diff"
    diff.write_bytes(b"")
    with pytest.raises(RegistryError, match=rf"commit {'0' * 40} is not in .*git fetch origin"):
        reproduction.check_out(root, "0" * 40, diff, into)
    diff.write_text("--- a/none\n+++ b/none\n@@ -1 +1 @@\n-a\n+b\n", encoding="utf-8")
    with pytest.raises(RegistryError, match="changes do not apply"):
        reproduction.check_out(root, "HEAD", diff, into)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["the.diff"]


def test_without_git_the_same_code_is_copied_and_other_code_refused(
    digits_run: Checkout, tmp_path: Path
) -> None:
    root, into, params = digits_run.root, tmp_path / "again", tmp_path / "params.yaml"
    params.write_text("seed: 5\n", encoding="utf-8")
    with pytest.raises(RegistryError, match="did not keep the hash of its code"):
        reproduction.copy_code(root, None, params, into)
    with pytest.raises(RegistryError, match=rf"hash of its code is {'0' * 64}, and .*Unpack the sources"):
        reproduction.copy_code(root, "0" * 64, params, into)
    assert not into.exists()
    reproduction.copy_code(root, code_sha256(root), params, into)
    assert code_sha256(into) == code_sha256(root)
    assert (into / "params.yaml").read_text(encoding="utf-8") == "seed: 5\n"
    assert not (into / ".git").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "params.yaml"]


@pytest.mark.slow
def test_other_data_than_the_version_s_is_refused(digits_run: Checkout, tmp_path: Path) -> None:
    checkout = digits_run
    into = tmp_path / "again"
    for name in ("src", "pipeline", ".dvc"):
        ignore = shutil.ignore_patterns("cache", "tmp")
        shutil.copytree(checkout.root / name, into / name, ignore=ignore)
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(checkout.root / name, into / name)
    hashes = dict.fromkeys(("train", "validation", "test"), "0" * 64)
    with pytest.raises(RegistryError, match=r"dvc checkout: other data.*preprocess: other data"):
        reproduction.fetch_data(checkout.root, checkout.root / "dvc.lock", hashes, into)


@pytest.mark.slow
def test_a_clone_with_pulled_files_and_no_database_prints_the_lineage(
    digits_run: Checkout, tmp_path: Path
) -> None:
    checkout = digits_run
    copy = Checkout(tmp_path / "clone", checkout.environment)
    shutil.copytree(checkout.root / ".dvc/cache", tmp_path / "remote")
    checkout.run("git", "add", "-A")
    commit(checkout, "Keep the quickstart's results")
    try:
        checkout.run("git", "clone", "-q", str(checkout.root), str(copy.root))
    finally:
        checkout.run("git", "reset", "-q", "HEAD~1")
    assert "nothing is registered" in darkroom(copy, "list", check=False)
    copy.run("dvc", "remote", "add", "--local", "-d", "store", str(tmp_path / "remote"))
    copy.run("dvc", "pull")
    copy.run("dvc", "repro", "-s", "-f", "register")
    printed = darkroom(copy, "lineage", "champion")
    assert "stands in for" in printed
    assert read_json(checkout.root / "reports/data.json")["sha256"]["train"] in printed
