"""The whole pipeline, by its real entry points, on the digits."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import onnxruntime
import pandas as pd
import psutil
import pytest
import requests
import torch
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from darkroom.data.splits import open_split
from darkroom.files import read_json, sha256_file
from darkroom.models.classifier import load_classifier
from darkroom.models.inference import predict
from darkroom.serving.monitoring.reference_file import read_reference
from pipeline import ROOT
from tests.helpers.checkouts import Checkout, copy_for_training
from tests.helpers.serving import encoded, serve_bento
from tests.helpers.waiting import eventually
from tests.helpers.warm_stages import ALWAYS, run_stages, set_params

REPORTED = {
    *(
        "data.json",
        "corrections.csv",
        "left_out.csv",
        "data.html",
        "inspect.json",
        "strange_images.csv",
        "label_proposals.csv",
        "tune.json",
        "trials.csv",
        "train.json",
        "curve.csv",
        "folds.json",
        "metrics.json",
    ),
    *("train_timing.json", "per_class.csv"),
    *("confusion.csv", "confusion.png", "curve.png", "per_class.png", "misclassified.png", "model_card.md"),
    *("parity.json", "latency.json", "registered.json", "bento.json", "calibration.json", "coverage.csv"),
    *("coverage_test.csv", "coverage.png", "reliability.csv", "reliability.png", "slices.csv", "slices.png"),
    *("corruptions.csv", "corruptions.png", "duplicates.csv", "duplicates.png", "label_issues.csv"),
    *(
        "label_issues.png",
        "confusion_matrix.csv",
        "misclassified.csv",
        "predictions.parquet",
        "model_card.html",
    ),
    *("study.html", "tune_curves.csv", "tune_importances.csv", "tune_history.png", "tune_curves.png"),
    *("tune_importances.png", "tune_parallel.png", "tune_slices.png"),
}


def client(checkout: Checkout) -> MlflowClient:
    return MlflowClient(f"sqlite:///{checkout.root / 'mlflow.db'}")


def test_the_digits_are_learned(digits_run: Checkout) -> None:
    assert read_json(digits_run.root / "reports/metrics.json")["test"]["accuracy"] > 0.93


def test_every_report_is_there(digits_run: Checkout) -> None:
    made = {path.name for path in (digits_run.root / "reports").iterdir() if path.name != ".gitignore"}
    assert made == REPORTED


def test_a_second_repro_does_nothing(digits_run: Checkout) -> None:
    printed = digits_run.run("dvc", "repro").stdout
    assert set(re.findall("Running stage '(.*)'", printed)) == ALWAYS


def test_the_splits_are_disjoint_and_say_where_they_come_from(digits_run: Checkout) -> None:
    data = digits_run.root / "data"
    manifests = {
        name: pd.read_parquet(data / name / "manifest.parquet") for name in ("train", "validation", "test")
    }
    train, validation = (set(manifests[name]["source_index"]) for name in ("train", "validation"))
    assert not train & validation
    assert len(train | validation) + len(manifests["test"]) == 1797
    meta = read_json(data / "meta.json")
    assert {name: len(manifest) for name, manifest in manifests.items()} == {
        name: meta[name] for name in manifests
    }


def test_metrics_params_and_plots_say_something(digits_run: Checkout) -> None:
    checkout = digits_run
    shown = checkout.run("dvc", "exp", "show", "--json").stdout
    for key in ("learning_rate", "reports/metrics.json", "accuracy"):
        assert key in shown
    metrics = checkout.run("dvc", "metrics", "diff", "--all", "--json").stdout
    assert '"test.accuracy"' in metrics
    plots = checkout.run("dvc", "plots", "show", "-o", "plots-shown").stdout
    page = Path(url2pathname(urlsplit(plots.strip()).path))
    html = page.read_text(encoding="utf-8")
    for name in (
        "confusion",
        "trials",
        "misclassified.png",
        "train_loss",
        "tune_history.png",
        "curves of the trials",
    ):
        assert name in html
    shutil.rmtree(page.parent)


def test_runs_are_tracked(digits_run: Checkout) -> None:
    mlflow = client(digits_run)
    experiment = mlflow.get_experiment_by_name("digits")
    assert experiment is not None
    runs = {run.info.run_name: run for run in mlflow.search_runs([experiment.experiment_id])}
    tune, train = runs["tune"], runs["train"]
    trials = [run for run in runs.values() if run.data.tags.get("mlflow.parentRunId") == tune.info.run_id]
    assert len(trials) == read_json(digits_run.root / "reports/tune.json")["trials"] == 4
    shown = {artifact.path for artifact in mlflow.list_artifacts(tune.info.run_id)}
    assert shown >= {"study.html", "trials.csv", "tune_history.png", "tune_parallel.png", "tune_slices.png"}
    test = read_json(digits_run.root / "reports/metrics.json")["test"]
    assert train.data.metrics["test.accuracy"] == pytest.approx(test["accuracy"])
    assert len(mlflow.get_metric_history(train.info.run_id, "validation_accuracy")) == 12
    assert runs["preprocess"].data.tags["data.source"]
    assert {artifact.path for artifact in mlflow.list_artifacts(train.info.run_id)} >= {
        "figures",
        "weights",
        "tables",
        "calibration",
        "versions",
    }


def test_the_best_epoch_is_the_one_kept_and_logged(digits_run: Checkout) -> None:
    root = digits_run.root
    curve, summary = pd.read_csv(root / "reports/curve.csv"), read_json(root / "reports/train.json")
    best = curve["epoch"].to_numpy()[curve["validation_accuracy"].to_numpy().argmax()]
    assert summary["best_epoch"] == best
    classifier = load_classifier(root / "models/model.safetensors", root / "models/model_config.json")
    split = open_split(root / "data/validation")
    right = (predict(classifier, split, device=torch.device("cpu")).argmax(1) == split.labels).mean()
    assert right == pytest.approx(summary["validation"]["accuracy_with_views"])
    mlflow = client(digits_run)
    run = read_json(root / "models/run.json")["run_id"]
    logged = Path(mlflow.download_artifacts(run, "weights/model.safetensors"))
    assert sha256_file(logged) == sha256_file(root / "models/model.safetensors")


def test_torch_the_exported_graph_and_the_service_agree(digits_run: Checkout) -> None:
    root = digits_run.root
    split = open_split(root / "data/test").first(20)
    files = (
        root / "models" / name for name in ("model.safetensors", "model_config.json", "calibration.json")
    )
    classifier = load_classifier(*files)
    assert classifier.temperature == read_json(root / "models/champion/model.json")["temperature"] != 1
    torchs = predict(classifier, split, device=torch.device("cpu"))
    session = onnxruntime.InferenceSession(str(root / "models/champion/model.onnx"))
    graphs = session.run(None, {"images": np.array(split.images)})[0]
    np.testing.assert_allclose(graphs, torchs, atol=1e-4)
    classes = read_json(root / "data/meta.json")["classes"]
    tag = read_json(root / "reports/bento.json")["tag"]
    precision = read_json(root / "models/champion/model.json")["precision"]
    assert precision == read_json(root / "reports/parity.json")["precision"]
    sha256 = read_json(root / "models/champion/model.json")["sha256"]
    reference = read_reference(root / "models/champion/reference.json", sha256=sha256)
    assert reference.images == len(open_split(root / "data/validation"))
    assert {"class_mix", "confidence", "contrast", "embedding"} <= set(reference.statistics)
    with serve_bento(root / ".bentoml", tag) as url:
        assert "darkroom_drift_images" in requests.get(f"{url}/metrics", timeout=30).text
        assert "Model card" in requests.get(f"{url}/card", timeout=30).text
        for image, expected in zip(split.images, torchs, strict=True):
            answer = requests.post(
                f"{url}/predict", params={"k": 10}, files={"image": encoded(np.array(image))}, timeout=30
            ).json()
            served = {item["class"]: item["probability"] for item in answer["classes"]}
            allowed = 1e-4 if precision == "fp32" else 0.05
            np.testing.assert_allclose([served[name] for name in classes], expected, atol=allowed)


def test_registering_again_makes_no_second_version(digits_run: Checkout) -> None:
    checkout = digits_run
    before = read_json(checkout.root / "reports/registered.json")
    said = checkout.stage("register")
    assert "darkroom-digits version 1: promoted: there was no champion" in said
    assert read_json(checkout.root / "reports/registered.json") == before
    assert len(client(checkout).search_model_versions("name='darkroom-digits'")) == 1
    assert read_json(checkout.root / "models/champion/model.json")["version"] == before["version"] == "1"


def test_every_number_has_an_interval_and_every_promotion_its_evidence(digits_run: Checkout) -> None:
    root = digits_run.root
    metrics = read_json(root / "reports/metrics.json")
    for part, name in (
        *(("test", name) for name in ("accuracy", "loss", "top_3_accuracy")),
        *(("calibration", "error"), ("corrupted", "accuracy")),
    ):
        low, value, high = (metrics[part][f"{name}{end}"] for end in ("_low", "", "_high"))
        assert low <= value <= high
        assert low < high
    answers = pd.read_parquet(root / "reports/predictions.parquet")
    assert (answers["label"] == answers["predicted"]).mean() == metrics["test"]["accuracy"]
    mlflow = client(digits_run)
    version = mlflow.get_model_version_by_alias("darkroom-digits", "champion")
    assert str(version.description).startswith("**promoted: there was no champion")
    kept = f"versions/{version.tags['sha256'][:12]}"
    names = {Path(file.path).name for file in mlflow.list_artifacts(version.tags["run_id"], kept)}
    assert names >= {
        *("model.onnx", "model.json", "card.html", "predictions.parquet", "metrics.json", "model_card.md"),
        *("verdict.json", "lineage.json", "uncommitted.diff", "dvc.lock", "params.yaml", "tuned.json"),
    }
    figures = {Path(file.path).name for file in mlflow.list_artifacts(version.tags["run_id"], "figures")}
    # those of the study are with the study's run
    drawn = {name for name in REPORTED if name.endswith(".png")}
    assert figures == {name for name in drawn if not name.startswith("tune_")}


@pytest.mark.slow
def test_a_lost_database_is_rebuilt_from_the_files(digits_run: Checkout, tmp_path: Path) -> None:
    checkout = digits_run
    uri = f"sqlite:///{tmp_path / 'new.db'}"
    for _ in range(2):  # the second time finds what the first made
        checkout.run("dvc", "repro", "-s", "-f", "register", MLFLOW_TRACKING_URI=uri)
    mlflow = MlflowClient(uri)
    (version,) = mlflow.search_model_versions("name='darkroom-digits'")
    assert mlflow.get_model_version_by_alias("darkroom-digits", "champion").version == version.version
    run = mlflow.get_run(version.tags["run_id"])
    assert run.data.tags["stands_in_for"] == read_json(checkout.root / "models/run.json")["run_id"]
    for name in ("validation_accuracy", "images_per_second"):  # of curve.csv and of train_timing.json
        assert len(mlflow.get_metric_history(run.info.run_id, name)) == 12
    assert run.data.metrics["test.accuracy"] == pytest.approx(float(version.tags["test_accuracy"]))
    checkout.run("dvc", "repro", "-s", "-f", "register")  # as it was, for the other tests


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_the_same(digits_run: Checkout, tmp_path: Path) -> None:
    # there are no test images in this copy: training cannot have looked at any
    copy = copy_for_training(digits_run, tmp_path / "copy")
    command = [sys.executable, "-m", "pipeline.train"]
    first = subprocess.Popen(
        command,
        cwd=copy.root,
        env=copy.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout
    for line in first.stdout:
        if line.startswith("epoch  5/"):
            os.kill(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    said = copy.stage("train")
    assert re.search(r"resuming after epoch [4-9] of 12", said)
    assert "epoch  2/12" not in said
    original = digits_run.root / "models/model.safetensors"
    assert sha256_file(copy.root / "models/model.safetensors") == sha256_file(original)
    runs = MlflowClient(f"sqlite:///{copy.root / 'mlflow.db'}")
    experiment = runs.get_experiment_by_name("digits")
    assert experiment is not None
    (run,) = runs.search_runs([experiment.experiment_id])  # the killed run went on: it is no second one
    assert run.info.status == "FINISHED"
    assert not list((copy.root / ".checkpoints").glob("train-*"))


@pytest.mark.slow
def test_a_killed_study_goes_on_to_its_total_and_its_trial_after_its_last_epoch(
    digits_run: Checkout, tmp_path: Path
) -> None:
    copy = copy_for_training(digits_run, tmp_path / "copy")
    first = subprocess.Popen([sys.executable, "-m", "pipeline.tune"], cwd=copy.root, env=copy.environment)
    _wait_for(first, lambda: list((copy.root / ".checkpoints").glob("tune-*/trial-*/epoch-00002.*")))
    first.kill()
    assert first.wait() == -signal.SIGKILL
    assert re.search("^resuming after epoch [234] of 4$", copy.stage("tune"), re.MULTILINE)
    trials = pd.read_csv(copy.root / "reports/trials.csv")
    assert trials["state"].isin(["complete", "pruned"]).sum() == 4
    (killed,) = trials.index[trials["state"] == "killed"]
    assert trials["epochs"][killed] >= 1
    experiment, runs = _trial_runs(copy)
    assert len(runs) == 4, "the killed trial's run went on"
    assert {run.data.tags["state"] for run in runs} <= {"complete", "pruned"}
    curve = client(copy).get_metric_history(runs[-1].info.run_id, "validation_accuracy")
    assert {point.step for point in curve} == {1, 2, 3, 4}, "of the first trial, killed and gone on with"
    before = read_json(copy.root / "reports/tune.json")
    assert "continuing a study with 4 finished trials" in copy.stage("tune")
    assert read_json(copy.root / "reports/tune.json") == before, "there was nothing left to do"
    assert len(client(copy).search_runs([experiment])) == 5


@pytest.mark.slow
def test_two_workers_share_a_study_and_kills_cost_no_trial(digits_run: Checkout, tmp_path: Path) -> None:
    copy = copy_for_training(digits_run, tmp_path / "copy")
    set_params(copy.root / "params.yaml", ["tune.trials=7", "tune.workers=2", "tune.pruner=none"])
    stage = psutil.Popen([sys.executable, "-m", "pipeline.tune"], cwd=copy.root, env=copy.environment)
    _wait_for(stage, lambda: _finished_trials(copy.root) >= 1)
    workers = stage.children()
    assert len(workers) == 2
    workers[0].kill()
    finished = _finished_trials(copy.root)
    _wait_for(stage, lambda: _finished_trials(copy.root) > finished and len(stage.children()) == 2)
    workers = stage.children()
    stage.kill()
    assert stage.wait() == -signal.SIGKILL
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive, "workers end with the stage that started them"
    copy.stage("tune")
    trials = pd.read_csv(copy.root / "reports/trials.csv")
    states = trials["state"].value_counts()
    assert states["complete"] == read_json(copy.root / "reports/tune.json")["trials"] == 7
    assert set(states.index) <= {"complete", "killed"}
    _, runs = _trial_runs(copy)
    assert len(runs) == 7
    assert {run.data.tags["state"] for run in runs} == {"complete"}
    assert not list((copy.root / ".checkpoints").glob("tune-*"))


def _trial_runs(copy: Checkout) -> tuple[str, list[Run]]:
    """Return the id of the experiment, and the trials' runs below the one of the study, newest first."""
    experiment = client(copy).get_experiment_by_name("digits")
    assert experiment is not None
    runs = client(copy).search_runs([experiment.experiment_id])
    (study,) = (run for run in runs if run.info.run_name == "tune")
    below = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == study.info.run_id]
    assert {run.data.tags["study"] for run in below} == {study.data.tags["study"]}
    return str(experiment.experiment_id), below


def _wait_for(process: "subprocess.Popen[bytes] | psutil.Popen", happened: Callable[[], Any]) -> None:
    eventually(happened, "the moment to kill it", seconds=240, process=process)


def _finished_trials(root: Path) -> int:
    if not (root / ".checkpoints/studies.db").exists():
        return 0
    with sqlite3.connect(root / ".checkpoints/studies.db") as database:
        try:
            return int(database.execute("select count(*) from trials where state='COMPLETE'").fetchone()[0])
        except sqlite3.OperationalError:  # not there yet
            return 0


def test_a_changed_parameter_reruns_what_rests_on_it_alone(digits_run: Checkout) -> None:
    checkout = digits_run
    params = checkout.root / "params.yaml"
    before = params.read_text(encoding="utf-8")
    try:
        set_params(params, ["evaluate.top_k=5"])
        stale = checkout.run("dvc", "status").stdout
    finally:
        params.write_text(before, encoding="utf-8")
    assert "evaluate:" in stale
    assert "train:" not in stale


@pytest.mark.parametrize(
    ("file", "stale"),
    [
        ("src/darkroom/reporting/figures/style.py", {"inspect", "study", "evaluate"}),
        ("src/darkroom/cli/main.py", set()),
    ],
)
def test_a_changed_figure_or_command_trains_and_searches_nothing(
    digits_run: Checkout, file: str, stale: set[str]
) -> None:
    path = digits_run.root / file
    before = path.read_bytes()
    try:
        path.write_bytes(before + b"# a change\n")
        status = json.loads(digits_run.run("dvc", "status", "--json").stdout)
    finally:
        path.write_bytes(before)
    assert set(status) == stale | ALWAYS


def test_bad_parameters_end_a_stage_with_a_message(digits_run: Checkout, tmp_path: Path) -> None:
    copy = copy_for_training(digits_run, tmp_path / "copy")
    params = (copy.root / "params.yaml").read_text(encoding="utf-8")
    (copy.root / "params.yaml").write_text(params.replace("batch_size:", "batchsize:", 1), encoding="utf-8")
    done = copy.run(sys.executable, "-m", "pipeline.train", check=False)
    assert done.returncode == 1
    assert "train.batchsize is unknown: did you mean batch_size?" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.real_data
@pytest.mark.timeout(1200)
def test_the_real_archive_is_downloaded_preprocessed_and_trained_on(tmp_path: Path) -> None:
    copy = Checkout(tmp_path, {**os.environ, "PYTHONPATH": "src"})
    for name in ("src", "pipeline"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    changes = ["train.images=6000", "train.epochs=2", "train.low_resolutions=[22]", "tune.trials=0"]
    set_params(tmp_path / "params.yaml", changes)
    assert os.environ.get("DARKROOM_MIRROR"), "name the archive in DARKROOM_MIRROR"
    run_stages(copy, ["download", "preprocess", "tune", "train"])
    report = read_json(tmp_path / "reports/data.json")
    assert {name: split["images"] for name, split in report["splits"].items()} == {
        "train": 45_000,
        "validation": 5_000,
        "test": 10_000,
    }
    assert set(report["splits"]["test"]["per_class"].values()) == {1000}
    meta = read_json(tmp_path / "data/meta.json")
    np.testing.assert_allclose(meta["mean"], (0.4914, 0.4822, 0.4465), atol=2e-3)
    np.testing.assert_allclose(meta["std"], (0.2470, 0.2435, 0.2616), atol=2e-3)
    assert read_json(tmp_path / "reports/train.json")["validation"]["accuracy"] > 0.5
