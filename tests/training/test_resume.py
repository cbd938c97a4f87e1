"""The real train stage, killed at random moments and run by several processes."""

import re
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow.tracking import MlflowClient
from safetensors.numpy import load_file

from darkroom.files import read_json, sha256_file
from tests.helpers.checkouts import Checkout, copy_for_training

KILLS = 20

# One process imports what the stage needs, which takes seconds, and forks for each attempt: what is killed is
# a process of its own that runs the real stage from its first line.
ATTEMPTS = """
import os, runpy, signal, sys, time, warnings
import pipeline.train
del sys.modules["pipeline.train"]  # runpy runs it afresh, as python -m does
for line in sys.stdin:
    seconds = float(line)
    started = time.monotonic()
    child = os.fork()
    if not child:
        with open("output.txt", "a") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        sys.argv = ["pipeline/train.py"]
        code = 1
        try:
            runpy.run_module("pipeline.train", run_name="__main__")
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(code)
    while time.monotonic() - started < seconds:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.005)
    else:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    print(code, time.monotonic() - started, flush=True)
"""


class Attempts:
    """Runs the train stage of a copy of the project again and again, each for a given time at most."""

    def __init__(self, copy: Checkout) -> None:
        self.root = copy.root
        self.process = subprocess.Popen(
            [sys.executable, "-c", ATTEMPTS],
            cwd=copy.root,
            env=copy.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, seconds: float) -> tuple[int, float, str]:
        """Return exit code (-9: killed), seconds, and what was printed."""
        output = self.root / "output.txt"
        output.unlink(missing_ok=True)
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        code, took = self.process.stdout.readline().split()
        return int(code), float(took), output.read_text(encoding="utf-8") if output.exists() else ""

    def end(self) -> None:
        """End the process that forks."""
        self.process.communicate()


def set_params(root: Path, **train: object) -> None:
    """Change params.yaml's train in a copy, and make its net a small one."""
    tree = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    tree["train"] |= train
    tree["model"]["widths"] = [8, 16, 16]
    (root / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")


def checkpointed(root: Path) -> int:
    """Return the number of the newest checkpoint's epoch, 0 without one."""
    names = [path.stem for path in (root / ".checkpoints").glob("train-*/epoch-*.safetensors")]
    return max((int(name.removeprefix("epoch-")) for name in names), default=0)


@pytest.mark.slow
def test_a_training_killed_at_twenty_random_moments_ends_bit_for_bit_the_same(
    digits_run: Checkout, tmp_path: Path
) -> None:
    copies = [copy_for_training(digits_run, tmp_path / name) for name in ("whole", "killed")]
    for copy in copies:
        set_params(copy.root, epochs=12, patience=12, average="ema", threads=1)
    whole, killed = (Attempts(copy) for copy in copies)
    code, seconds, output = whole.run(300)
    whole.end()
    assert code == 0, output
    seed = secrets.randbits(32)
    print(f"the moments are drawn with seed {seed}")  # shown where the test fails
    chance = np.random.default_rng(seed)
    attempts, kills = 0, 0
    epochs: set[int] = set()
    while kills < KILLS or len(epochs) < 4:  # at different places
        attempts += 1
        assert attempts <= 5 * KILLS, f"killed {kills} times, but only after epochs {epochs}"
        before = checkpointed(killed.root)
        code, _, output = killed.run(chance.uniform(0.0, 1.0) * seconds)
        if code == 0:
            continue  # it ended, and starts again
        assert code == -9, output
        kills += 1
        after = checkpointed(killed.root)
        shown = [int(number) for number in re.findall(r"^epoch +(\d+)/", output, re.MULTILINE)]
        if shown:
            assert shown[0] == before + 1, "it resumes after the last checkpoint"
            assert after >= shown[-1] - 1, "one epoch is lost at most"
            assert shown == list(range(shown[0], shown[-1] + 1))
        epochs.add(after)
    print(f"{attempts} attempts of at most {seconds:.1f} s, {kills} kills, after epochs {sorted(epochs)}")
    code, _, output = killed.run(300)
    killed.end()
    assert code == 0, output
    names = ("models/model.safetensors", "models/model_config.json")
    for name in names:
        assert sha256_file(copies[0].root / name) == sha256_file(copies[1].root / name)
    for name in ("reports/curve.csv", "reports/train.json"):
        assert (copies[0].root / name).read_bytes() == (copies[1].root / name).read_bytes()


@pytest.mark.ci
def test_two_processes_train_what_one_does(digits_run: Checkout, tmp_path: Path) -> None:
    # not muon: it makes a step of full length even of directions in which there is little but rounding
    results = []
    for processes in (1, 2):
        copy = copy_for_training(digits_run, tmp_path / str(processes))
        tree = yaml.safe_load((copy.root / "params.yaml").read_text(encoding="utf-8"))
        tree["model"] |= {"dropout": 0.2}
        tree["augment"] |= {"cutout": 2}
        tree["train"] |= {
            "epochs": 2,
            "low_resolutions": [8],
            "hardest_share": 0.5,
            "images": 300,
            "processes": processes,
            "precision": "fp32",
        }
        tree["train"] |= {"optimizer": "sgd", "learning_rate": 0.02, "average": "ema"}
        (copy.root / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
        (copy.root / "models/tuned.json").write_text("{}")
        output = copy.stage("train")
        assert f"{processes} process(es)" in output
        assert len(re.findall(r"^epoch ", output, re.MULTILINE)) == 2, "only the first process prints"
        client = MlflowClient(f"sqlite:///{copy.root / 'mlflow.db'}")
        experiment = client.get_experiment_by_name("digits")
        assert experiment
        assert len(client.search_runs([experiment.experiment_id])) == 1, "and writes"
        results.append(
            (load_file(copy.root / "models/model.safetensors"), read_json(copy.root / "reports/train.json"))
        )
    (one, report), (two, other) = results
    for key, value in one.items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(two[key], value, atol=1e-4 * np.abs(value).max(), err_msg=key)
    assert other["validation"]["loss"] == pytest.approx(report["validation"]["loss"], rel=1e-4)


# Opens a run in MLflow's database sys.argv[1], stopped where the test wants it.
OPEN_RUN = """
import os, signal, sys, time
from pathlib import Path
from sqlalchemy import Engine, event
from darkroom.tracking import runs

database = Path(sys.argv[1])
tables = 0

def before_statement(connection, cursor, statement, *rest):
    global tables
    tables += statement.lstrip().startswith("CREATE TABLE")
    if sys.argv[2] == "killed" and tables == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    mine = str(connection.engine.url).endswith(database.name)
    if sys.argv[2] == "met" and mine and statement.startswith("INSERT INTO experiments"):
        meet("experiment")

def before_link(name, arguments):
    if sys.argv[2] == "met" and name == "os.link":
        meet("database")

def meet(place):  # goes on when another process is at the same place
    Path(f"{place}.{os.getpid()}").touch()
    deadline = time.monotonic() + 60
    while len(list(Path().glob(f"{place}.*"))) < 2:
        if time.monotonic() > deadline:
            sys.exit(f"nobody else came to the {place}")
        time.sleep(0.005)

event.listen(Engine, "before_cursor_execute", before_statement)
sys.addaudithook(before_link)
with runs.open_run(f"sqlite:///{database}", "digits", name="run"):
    pass
"""


def open_run(copy: Checkout, database: Path, how: str) -> subprocess.Popen[bytes]:
    """Open a run in another process: `killed` amid the tables, `met` by a second one, or `whole`."""
    environment = copy.environment | {"PYTHONPATH": str(copy.root / "src")}
    return subprocess.Popen(
        [sys.executable, "-c", OPEN_RUN, str(database), how], cwd=database.parent, env=environment
    )


def run_count(database: Path) -> int:
    """Return how many runs the experiment `digits` has."""
    client = MlflowClient(f"sqlite:///{database}")
    experiment = client.get_experiment_by_name("digits")
    assert experiment
    return len(client.search_runs([experiment.experiment_id]))


def test_a_database_whose_creation_was_killed_is_created_again(digits_run: Checkout, tmp_path: Path) -> None:
    database = tmp_path / "runs.db"
    assert open_run(digits_run, database, "killed").wait() == -signal.SIGKILL
    assert not database.exists(), "half of it is never seen"
    assert list(tmp_path.glob("runs.db.*")), "it was killed amid its work"
    assert open_run(digits_run, database, "whole").wait() == 0
    assert run_count(database) == 1


@pytest.mark.ci
def test_two_processes_create_the_database_at_once(digits_run: Checkout, tmp_path: Path) -> None:
    database = tmp_path / "runs.db"
    both = [open_run(digits_run, database, "met") for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    met = sorted(path.name.partition(".")[0] for path in tmp_path.iterdir() if path != database)
    assert met == ["database", "database", "experiment", "experiment"], "and nothing else is left"
    assert run_count(database) == 2


@pytest.mark.slow
def test_a_final_fit_uses_the_validation_images_too(digits_run: Checkout, tmp_path: Path) -> None:
    copy = copy_for_training(digits_run, tmp_path / "copy")
    for name in ("data/test", "reports"):
        shutil.copytree(digits_run.root / name, copy.root / name)
    set_params(copy.root, epochs=2, use_validation=True)
    output = copy.stage("train")
    assert "trained on validation images too" in output
    report = read_json(copy.root / "reports/train.json")
    assert report["validation"] == {"loss": None, "accuracy": None, "accuracy_with_views": None}
    assert report["best_epoch"] == 2
    assert "none are left to fit on" in copy.stage("calibrate")
    calibration = read_json(copy.root / "models/calibration.json")
    assert (calibration["temperature"], calibration["confident_from"]) == (1.0, None)
    assert pd.read_csv(copy.root / "reports/coverage.csv").empty
    copy.stage("evaluate")  # whose figures show no validation
    metrics = read_json(copy.root / "reports/metrics.json")
    assert "confident" not in metrics["calibration"]
    assert list(metrics["label_issues"]) == ["test"], "the labels of the others were trained on"
    card = (copy.root / "reports/model_card.md").read_text(encoding="utf-8")
    assert "the validation images were trained on" in card
    assert "fitted on validation images" not in card
    assert not list((copy.root / ".checkpoints").glob("train-*"))
