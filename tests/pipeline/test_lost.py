"""The stages after people deleted things in MLflow and in the project, with the run on the digits."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom.files import read_json, sha256_file
from tests.helpers.checkouts import PROJECT, Checkout
from tests.helpers.losses import adopt_artifacts
from tests.helpers.warm_stages import ALWAYS

# in one process: what a stage imports takes longer than what it does here
SCRIPT = """
import contextlib, io, json, os, runpy, shutil, sys
from pathlib import Path

sys.path[:0] = [os.getcwd(), sys.argv[1]]
from tests.helpers import losses

store = losses.Lossy(f"sqlite:///{Path('mlflow.db').resolve()}")
results = []

def stage(name):
    printed, code = io.StringIO(), 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            runpy.run_module(f"pipeline.{name}", run_name="__main__")
        except SystemExit as end:
            code = end.code
    results.append([code, printed.getvalue()])
    return results[-1]

losses.delete_experiment(store)
stage("register").append(store.run("1"))            # its run is deleted: mlflow gc would remove its files
store.collect_garbage()
stage("register").append(store.run("1"))
store.client.delete_run(store.run("1"))
store.collect_garbage()
stage("register").append(store.run("1"))            # the files of the version are gone
shutil.rmtree("models/champion")
stage("package")
stage("register")
Path("mlflow.db").write_bytes(b"no database")
stage("register")
json.dump(results, sys.__stdout__)
"""


def copy_of(checkout: Checkout, folder: Path) -> Checkout:
    """Copy what `register` and `package` need, with a store of its own."""
    for name in ("src", "pipeline", "models", "reports", "mlruns", "requirements"):
        shutil.copytree(checkout.root / name, folder / name)
    for name in ("params.yaml", "dvc.lock", "mlflow.db", "bentofile.yaml", "data/meta.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(checkout.root / name, folder / name)
    adopt_artifacts(folder / "mlflow.db", checkout.root)
    return Checkout(folder, checkout.environment)


def test_register_goes_on_or_says_what_to_do(digits_run: Checkout, tmp_path: Path) -> None:
    copy = copy_of(digits_run, tmp_path / "copy")
    graph = sha256_file(copy.root / "models/champion/model.onnx")
    printed = copy.run(sys.executable, "-c", SCRIPT, str(PROJECT)).stdout
    results: list[list[Any]] = json.loads(printed.splitlines()[-1])
    (deleted, purged, gone, package, again, damaged) = results
    for code, said, *_ in (deleted, purged, gone, again):
        assert code == 0, said
        assert "darkroom-digits version 1: promoted" in said
    assert gone[2] != deleted[2] == purged[2], "another run has the files where they had to be put back"
    assert (
        package[0]
        == "models/champion/model.json is missing: `dvc repro` makes it, with everything that it needs"
    )
    assert "is not a database; the file is damaged" in damaged[0]
    assert "Traceback" not in printed
    assert sha256_file(copy.root / "models/champion/model.onnx") == graph
    assert read_json(copy.root / "reports/registered.json")["version"] == "1"
    assert (copy.root / "mlflow.db").read_bytes() == b"no database"


def remove_models(root: Path) -> None:
    shutil.rmtree(root / "models")


def remove_reports(root: Path) -> None:
    for path in (root / "reports").iterdir():
        path.unlink()


def remove_data(root: Path) -> None:
    shutil.rmtree(root / "data")


def damage_the_cache(root: Path) -> None:
    """Damage the cached graph and remove the champion's files, which would come from the cache."""
    sha = (root / "models/exported/model.onnx").read_bytes()
    for path in (root / ".dvc/cache").rglob("*"):
        if path.is_file() and path.read_bytes() == sha:
            path.chmod(0o644)
            path.write_bytes(b"damaged")
    shutil.rmtree(root / "models/champion")
    shutil.rmtree(root / "models/exported")


def remove_the_cache(root: Path) -> None:
    shutil.rmtree(root / ".dvc/cache")
    shutil.rmtree(root / "models/champion")


@pytest.mark.slow
@pytest.mark.parametrize(
    "lose",
    [remove_models, remove_reports, remove_data, damage_the_cache, remove_the_cache],
    ids=lambda lose: lose.__name__,
)
def test_dvc_repro_brings_back_what_was_deleted(
    digits_run: Checkout, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    copy = Checkout(tmp_path / "copy", digits_run.environment)
    shutil.copytree(digits_run.root, copy.root, symlinks=True)
    adopt_artifacts(copy.root / "mlflow.db", digits_run.root)
    graph = sha256_file(copy.root / "models/champion/model.onnx")
    reported = {path.name for path in (copy.root / "reports").iterdir()}
    lose(copy.root)
    done = copy.run("dvc", "repro")
    assert "Traceback" not in done.stdout + done.stderr
    assert sha256_file(copy.root / "models/champion/model.onnx") == graph
    assert {path.name for path in (copy.root / "reports").iterdir()} == reported
    assert set(re.findall("Running stage '(.*)'", copy.run("dvc", "repro").stdout)) == ALWAYS
