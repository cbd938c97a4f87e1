"""Runs are continued, shown below others, and end as what happened; a lost training run gets one stand-in."""

import json
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from darkroom.tracking import runs
from darkroom.tracking.runs import open_run
from darkroom.tracking.trained_run import lacks_training, restore_training, trained_run


def all_runs(uri: str) -> list[str]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    return [str(run.info.run_id) for run in client.search_runs([experiment.experiment_id])]


def test_a_run_is_continued_where_the_store_has_it(uri: str) -> None:
    with open_run(uri, "digits", name="train", tags={"stage": "train"}) as first:
        runs.log_metrics({"loss": 1.0}, step=1)
    with open_run(uri, "digits", name="train", run_id=first) as again:
        runs.log_metrics({"loss": 0.5}, step=2)
    with open_run(uri, "digits", name="train", run_id="0" * 32) as other:
        pass
    assert again == first
    assert sorted(all_runs(uri)) == sorted([first, other])
    history = MlflowClient(uri).get_metric_history(first, "loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 1.0), (2, 0.5)]
    assert MlflowClient(uri).get_run(first).data.tags["stage"] == "train"


def test_a_run_is_shown_below_its_parent_where_the_store_has_that(uri: str) -> None:
    with open_run(uri, "digits", name="tune") as parent:
        pass
    with open_run(uri, "digits", name="trial", parent=parent) as child:
        pass
    with open_run(uri, "digits", name="trial", parent="0" * 32) as orphan:
        pass
    client = MlflowClient(uri)
    assert client.get_run(child).data.tags["mlflow.parentRunId"] == parent
    assert "mlflow.parentRunId" not in client.get_run(orphan).data.tags


def test_a_run_whose_block_raises_ends_as_failed(uri: str) -> None:
    with pytest.raises(ZeroDivisionError), open_run(uri, "digits", name="train") as run:
        raise ZeroDivisionError
    assert MlflowClient(uri).get_run(run).info.status == "FAILED"


def test_a_new_file_is_created_whole_and_keeps_artifacts_beside_it(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with open_run(uri, "digits", name="train") as run:
        runs.log_text("text", "note.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "mlruns"]
    assert (tmp_path / f"mlruns/digits/{run}/artifacts/note.txt").read_text(encoding="utf-8") == "text"


def test_only_numbers_are_logged_as_metrics(uri: str) -> None:
    with open_run(uri, "digits", name="evaluate") as run:
        runs.log_metrics({"test": {"accuracy": 0.9, "best": True, "name": "x", "images": 3}}, prefix="a.")
    assert MlflowClient(uri).get_run(run).data.metrics == {"a.test.accuracy": 0.9, "a.test.images": 3.0}


def test_a_lost_training_run_gets_one_stand_in_to_which_training_is_restored(
    uri: str, tmp_path: Path
) -> None:
    lost = "1" * 32
    (tmp_path / "curve.csv").write_text("epoch,train_loss,note\n1,0.5,\n2,0.25,\n", encoding="utf-8")
    for name in ("train.json", "metrics.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    times = [{"epoch": 1, "seconds": 5.0}, {"epoch": 2, "seconds": 4.0}]
    (tmp_path / "train_timing.json").write_text(json.dumps({"epochs": times}), encoding="utf-8")
    with trained_run(uri, "digits", lost) as stand_in:
        assert lacks_training(uri, stand_in)
        restore_training({"train": {"epochs": 2}}, {"test": {"accuracy": 0.9}}, reports=tmp_path)
    with trained_run(uri, "digits", lost) as again:
        assert not lacks_training(uri, again)
    assert all_runs(uri) == [stand_in] == [again]
    run = MlflowClient(uri).get_run(stand_in)
    assert run.data.tags["stands_in_for"] == lost
    assert run.data.params == {"train.epochs": "2"}
    assert run.data.metrics == {"train_loss": 0.25, "seconds": 4.0, "test.accuracy": 0.9}
    with trained_run(uri, "digits", stand_in) as known:
        assert known == stand_in
