"""The registry's rules, on a real MLflow store."""

import hashlib
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from darkroom.files import read_json, write_json
from darkroom.registry import Verdict, register, registered_name, write_champion
from darkroom.tracking import open_run
from tests.serving_helpers import DIGITS, linear_graph

NAME = registered_name("digits")


def exported(folder: Path, seed: int) -> Path:
    """Write another exported model for every seed."""
    content = linear_graph(8, 8, 1, 10, seed=seed).SerializeToString()
    folder.mkdir()
    (folder / "model.onnx").write_bytes(content)
    about = {"name": "digits", "classes": list(DIGITS), "height": 8, "width": 8, "channels": 1}
    write_json(folder / "model.json", about | {"sha256": hashlib.sha256(content).hexdigest()})
    return folder


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)  # MLflow puts artifacts beside where it runs
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def enter(uri: str, folder: Path, accuracy: float, test_sha256: str = "same") -> Verdict:
    tags = {"test_accuracy": accuracy, "test_sha256": test_sha256}
    with open_run(uri, "digits", name="train") as run:
        return register(uri, NAME, folder=folder, run_id=run, tags=tags)


def test_the_first_is_champion_a_worse_or_equal_one_is_not_a_better_one_is(uri: str, tmp_path: Path) -> None:
    first = enter(uri, exported(tmp_path / "a", 1), 0.90)
    assert (first.version, first.champion, first.promoted) == ("1", "1", True)
    worse = enter(uri, exported(tmp_path / "b", 2), 0.89)
    assert (worse.version, worse.champion, worse.promoted) == ("2", "1", False)
    assert "0.8900 against 0.9000" in worse.reason
    equal = enter(uri, exported(tmp_path / "c", 3), 0.90)
    assert (equal.champion, equal.promoted) == ("1", False)
    better = enter(uri, exported(tmp_path / "d", 4), 0.91)
    assert (better.version, better.champion, better.promoted) == ("4", "4", True)
    assert MlflowClient(uri).get_model_version_by_alias(NAME, "champion").tags["test_accuracy"] == "0.91"


def test_the_same_graph_gets_no_second_version(uri: str, tmp_path: Path) -> None:
    folder = exported(tmp_path / "a", 1)
    enter(uri, folder, 0.90)
    again = enter(uri, folder, 0.90)
    assert (again.version, again.promoted) == ("1", False)
    assert len(MlflowClient(uri).search_model_versions(f"name='{NAME}'")) == 1


def test_another_test_set_is_not_compared(uri: str, tmp_path: Path) -> None:
    enter(uri, exported(tmp_path / "a", 1), 0.90)
    other = enter(uri, exported(tmp_path / "b", 2), 0.99, test_sha256="other")
    assert not other.promoted
    assert "tested on other pictures" in other.reason


def test_the_champion_s_own_files_are_written(uri: str, tmp_path: Path) -> None:
    enter(uri, exported(tmp_path / "a", 1), 0.90)
    enter(uri, exported(tmp_path / "b", 2), 0.80)
    info = write_champion(uri, NAME, tmp_path / "champion")
    assert info["version"] == "1"
    assert (tmp_path / "champion/model.onnx").read_bytes() == (tmp_path / "a/model.onnx").read_bytes()
    assert read_json(tmp_path / "champion/model.json") == info


def test_no_champion_is_said(uri: str, tmp_path: Path) -> None:
    enter(uri, exported(tmp_path / "a", 1), 0.90)
    MlflowClient(uri).delete_registered_model_alias(NAME, "champion")
    with pytest.raises(ValueError, match=r"no champion .*dvc repro -f register"):
        write_champion(uri, NAME, tmp_path / "champion")
