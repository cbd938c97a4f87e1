"""Stages under all variables at once that other programs leave give what they give without them."""

import shutil
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from darkroom.files import read_json, sha256_file
from tests.helpers.checkouts import Checkout, copy_for_training
from tests.helpers.foreign_environment import NAMES, foreign_environment
from tests.helpers.full_disk import files, outputs_of, same
from tests.helpers.warm_stages import run_stages

ALL = ("download", "preprocess", "tune", "study", "train", "calibrate", "evaluate", "export", "register")


@pytest.mark.ci
def test_a_training_under_all_foreign_variables_is_the_same(digits_run: Checkout, tmp_path: Path) -> None:
    copy = copy_for_training(digits_run, tmp_path / "copy")
    foreign = foreign_environment(tmp_path / "foreign")
    done = copy.run(sys.executable, "-m", "pipeline.train", check=True, **foreign)
    (told,) = (line for line in done.stderr.splitlines() if line.startswith("environment: "))
    for name in NAMES:
        assert name in told
    original = digits_run.root / "models/model.safetensors"
    assert sha256_file(copy.root / "models/model.safetensors") == sha256_file(original)
    store = MlflowClient(f"sqlite:///{copy.root / 'mlflow.db'}")
    run = store.get_run(read_json(copy.root / "models/run.json")["run_id"])
    assert run.info.status == "FINISHED"
    assert store.get_experiment(run.info.experiment_id).name == "digits"
    assert not [name for name in run.data.metrics if name.startswith("system/")]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_stages_under_all_foreign_variables_are_the_same(digits_run: Checkout, tmp_path: Path) -> None:
    copy = Checkout(tmp_path / "copy", digits_run.environment | foreign_environment(tmp_path / "foreign"))
    shutil.copytree(digits_run.root, copy.root, symlinks=True)
    stages = [*ALL, "package"]
    outputs = [name for stage in stages for name in outputs_of(copy.root, stage)]
    for name in [*outputs, ".checkpoints", ".bentoml", "mlflow.db", "mlruns"]:
        path = copy.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    run_stages(copy, stages)
    written = {name for name in files(copy.root) if name.startswith(tuple(outputs))}
    assert written == {name for name in files(digits_run.root) if name.startswith(tuple(outputs))}
    assert [name for name in sorted(written) if not same(copy.root / name, digits_run.root / name)] == []
    store = MlflowClient(f"sqlite:///{copy.root / 'mlflow.db'}")
    assert [experiment.name for experiment in store.search_experiments()] == ["digits", "Default"]
    version = store.get_model_version_by_alias("darkroom-digits", "champion")
    assert version.tags["commit"] == copy.run("git", "rev-parse", "HEAD", GIT_DIR=".git").stdout.strip()
