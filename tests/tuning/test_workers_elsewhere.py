"""Workers of one study that share nothing but its storage: over PostgreSQL, and as tasks of Ray."""

import importlib.util
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
import yaml
from mlflow.tracking import MlflowClient
from optuna.trial import TrialState

from darkroom.cli.quickstart import SMALL
from darkroom.files import read_json
from tests.helpers.checkouts import Checkout, new_checkout
from tests.helpers.servers import postgres
from tests.helpers.waiting import eventually
from tests.helpers.warm_stages import run_stages, set_params


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return a checkout with the digits prepared for a search."""
    checkout = new_checkout(tmp_path_factory.mktemp("prepared") / "checkout")
    set_params(
        checkout.root / "params.yaml",
        [*SMALL, "tune.trials=6", "tune.pruner=none", "tune.dead_after=4", "train.threads=1"],
    )
    run_stages(checkout, ["download", "preprocess"])
    return checkout


def copy_of(checkout: Checkout, folder: Path, **tune: Any) -> Checkout:
    """Copy the checkout, as to another machine, with other parameters under `tune`."""
    for name in ("src", "pipeline", "params.yaml", "data"):
        copy = shutil.copytree if (checkout.root / name).is_dir() else shutil.copyfile
        folder.mkdir(exist_ok=True)
        copy(checkout.root / name, folder / name)
    tree = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    tree["tune"] |= tune
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    return Checkout(folder, checkout.environment)


def wait_for(study: optuna.Study, state: TrialState, count: int) -> None:
    eventually(
        lambda: len(study.get_trials(deepcopy=False, states=(state,))) >= count,
        f"{count} trials are {state.name}",
        seconds=120,
    )


@pytest.mark.servers
@pytest.mark.slow
def test_two_checkouts_share_a_study_on_postgresql_and_one_is_killed(
    prepared: Checkout, tmp_path: Path
) -> None:
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed: `make install-postgres`")
    here, there, changed = (
        copy_of(prepared, tmp_path / "here", trials=12),
        copy_of(prepared, tmp_path / "there", trials=99),  # the stage's total counts
        copy_of(prepared, tmp_path / "changed", epochs=5),
    )
    with postgres() as storage:
        shared: dict[str, Any] = {
            "OPTUNA_STORAGE": storage,
            "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}",
        }
        worker = [sys.executable, "-m", "pipeline.tune", "--worker"]
        early = there.run(*worker, check=False, **shared)
        assert early.returncode == 1
        assert "yet: begin it with `dvc repro tune`" in early.stderr

        stage = subprocess.Popen(
            [sys.executable, "-m", "pipeline.tune"],
            cwd=here.root,
            env=here.environment | shared,
            stdout=subprocess.PIPE,
            text=True,
        )
        name = _study_name(storage)
        study = optuna.load_study(study_name=name, storage=storage)
        wait_for(study, TrialState.RUNNING, 1)
        helper = subprocess.Popen(worker, cwd=there.root, env=there.environment | shared)
        wait_for(study, TrialState.RUNNING, 2)
        helper.kill()
        assert helper.wait() == -signal.SIGKILL
        again = subprocess.Popen(worker, cwd=there.root, env=there.environment | shared)
        differs = changed.run(*worker, check=False, **shared)
        assert differs.returncode == 1
        assert "settings.tune.epochs is 5 here and 4 there" in differs.stderr
        printed, _ = stage.communicate(timeout=300)
        assert stage.returncode == 0
        assert "best of 12 trials" in printed
        assert again.wait(timeout=60) == 0
        late = there.run(*worker, check=False, **shared)
        assert late.returncode == 1
        assert "is over: raise tune.trials" in late.stderr
    trials = pd.read_csv(here.root / "reports/trials.csv")
    assert (trials["state"] == "complete").sum() == read_json(here.root / "reports/tune.json")["trials"] == 12
    assert (trials["state"] == "killed").sum() == 1
    runs = MlflowClient(shared["MLFLOW_TRACKING_URI"])
    experiment = runs.get_experiment_by_name("digits")
    assert experiment is not None
    states = [run.data.tags.get("state") for run in runs.search_runs([experiment.experiment_id])]
    assert states.count("complete") == 12
    assert len(states) == 13, "the trials' and the study's"


def _study_name(storage: str) -> str:
    eventually(lambda: optuna.get_all_study_names(storage), "the stage begins a study", seconds=120)
    return optuna.get_all_study_names(storage)[0]


def _studies_in(database: Path) -> list[str]:
    """Return the names of the studies in a file, without creating its tables as Optuna would."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store,
    ):
        return [name for (name,) in store.execute("SELECT study_name FROM studies")]
    return []


@pytest.mark.ray
def test_ray_runs_the_workers(prepared: Checkout, tmp_path: Path) -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: `make install-ray`")
    copy = copy_of(prepared, tmp_path / "copy", engine="ray", workers=2)
    stage = subprocess.Popen([sys.executable, "-m", "pipeline.tune"], cwd=copy.root, env=copy.environment)
    database = copy.root / ".checkpoints/studies.db"
    eventually(lambda: _studies_in(database), "the stage begins a study", process=stage)
    study = optuna.load_study(study_name=_studies_in(database)[0], storage=f"sqlite:///{database}")
    wait_for(study, TrialState.RUNNING, 2)  # both work at once
    assert stage.wait(timeout=300) == 0
    trials = pd.read_csv(copy.root / "reports/trials.csv")
    assert (trials["state"] == "complete").sum() == 6
    assert len({trial.user_attrs["worker"] for trial in study.get_trials(states=(TrialState.COMPLETE,))}) == 2
    runs = MlflowClient(f"sqlite:///{copy.root / 'mlflow.db'}")
    experiment = runs.get_experiment_by_name("digits")
    assert experiment is not None
    assert len(runs.search_runs([experiment.experiment_id], "tags.stage = 'trial'")) == 6
