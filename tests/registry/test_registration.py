"""Registering compares a model with the champion and keeps the verdict, on a real MLflow store in a file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from darkroom.files import read_json
from darkroom.registry import versions
from darkroom.registry.champion import history, rollback
from darkroom.registry.champion_files import write_champion
from darkroom.registry.evidence import read_candidate
from darkroom.registry.gate import judge
from darkroom.registry.store import RegistryError, registered_name
from darkroom.registry.verdicts import read_verdict
from tests.helpers import losses
from tests.helpers.gate import GATE, correct_but
from tests.helpers.registry import by_mlflow, champion_of, direct, register_model
from tests.helpers.serving import DIGITS

NAME = registered_name("digits")
STRICT = GATE.model_copy(update={"min_accuracy": 0.95})


def test_only_the_first_and_a_better_model_become_champion(uri: str, tmp_path: Path) -> None:
    first = register_model(uri, NAME, tmp_path / "a", correct_but(0, 100))
    assert (first.version, first.champion, first.verdict.outcome) == ("1", "1", "first")
    equal = register_model(uri, NAME, tmp_path / "b", correct_but(0, 100))
    assert (equal.version, equal.champion, equal.verdict.outcome) == ("2", "1", "equal")
    worse = register_model(uri, NAME, tmp_path / "c", correct_but(0, 150))
    assert (worse.champion, worse.verdict.outcome) == ("1", "worse")
    chance = register_model(uri, NAME, tmp_path / "d", correct_but(0, 98))
    assert (chance.champion, chance.verdict.outcome) == ("1", "no better")
    better = register_model(uri, NAME, tmp_path / "e", correct_but(0, 50))
    assert (better.version, better.champion, better.verdict.outcome) == ("5", "5", "better")
    assert [(change.action, change.before, change.after) for change in history(by_mlflow(uri), NAME)] == [
        ("register", None, "1"),
        ("register", "1", "5"),
    ]


def test_the_verdict_is_kept_with_the_version(uri: str, tmp_path: Path) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 100))
    better = register_model(uri, NAME, tmp_path / "b", correct_but(0, 50))
    client = MlflowClient(uri)
    version = versions.get_version(client, NAME, "2")
    assert read_verdict(version) == better.verdict
    assert better.verdict.words in str(version.description)
    again = client.download_artifacts(
        version.tags["run_id"], f"{versions.evidence_folder(version.tags['sha256'])}/verdict.json"
    )
    kept = read_json(Path(again))
    assert kept["paired"]["only_first"] == 50
    assert kept["words"] == better.verdict.words
    first, second = (read_candidate(uri, versions.get_version(client, NAME, number)) for number in "12")
    assert judge(second, first, GATE) == better.verdict, "whoever has what is kept comes to the same"


def test_the_same_graph_gets_no_second_version_and_is_not_judged_again(uri: str, tmp_path: Path) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 100), seed=1)
    register_model(uri, NAME, tmp_path / "b", correct_but(0, 50), seed=2)
    rollback(direct(uri), NAME, why="complaints")
    again = register_model(uri, NAME, tmp_path / "b", correct_but(0, 50), seed=2)
    assert (again.version, again.champion) == ("2", "1"), "what people decided stands"
    assert len(MlflowClient(uri).search_model_versions(f"name='{NAME}'")) == 2


def test_a_first_model_below_a_minimum_is_not_champion(uri: str, tmp_path: Path) -> None:
    first = register_model(uri, NAME, tmp_path / "a", correct_but(0, 100), gate=STRICT)
    assert (first.champion, first.verdict.outcome) == (None, "below a minimum")
    assert champion_of(uri, NAME) is None
    with pytest.raises(RegistryError, match=r"no champion .*darkroom promote"):
        write_champion(uri, NAME, tmp_path / "champion")


def test_other_test_images_and_other_classes_are_refused(uri: str, tmp_path: Path) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 500))
    images = register_model(uri, NAME, tmp_path / "b", correct_but(), test_sha256="0" * 64)
    assert images.verdict.outcome == "not comparable"
    assert "tested on other images (00000000 against 7e577e57)" in images.verdict.words
    classes = register_model(uri, NAME, tmp_path / "c", correct_but(), classes=(*DIGITS[:9], "ten"))
    assert classes.verdict.outcome == "not comparable"
    assert "(new: ten; gone: 9)" in classes.verdict.words
    assert champion_of(uri, NAME) == "1"


def test_after_the_champion_was_deleted_the_minimums_alone_decide(uri: str, tmp_path: Path) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 50))
    MlflowClient(uri).delete_model_version(NAME, "1")
    assert champion_of(uri, NAME) is None
    worse = register_model(uri, NAME, tmp_path / "b", correct_but(0, 100))
    assert (worse.champion, worse.verdict.outcome) == ("2", "first")


def test_a_champion_whose_files_are_gone_is_not_replaced(uri: str, tmp_path: Path) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 50))
    for path in (tmp_path / "mlruns").rglob("predictions.parquet"):
        path.unlink()
    other = register_model(uri, NAME, tmp_path / "b", correct_but())
    assert (other.champion, other.verdict.outcome) == ("1", "not comparable")
    assert "predictions of darkroom-digits version 1 are gone" in other.verdict.words
    for path in (tmp_path / "mlruns").rglob("model.json"):
        path.unlink()
    with pytest.raises(RegistryError, match="not in the artifacts of run"):
        write_champion(uri, NAME, tmp_path / "champion")


@pytest.mark.parametrize(
    "lose",
    [
        losses.delete_champion_run,  # `mlflow gc` would remove its files
        losses.purge_champion_run,
        losses.remove_champion_files,
        losses.remove_predictions,
        losses.damage_files,
    ],
    ids=lambda lose: lose.__name__,
)
def test_files_that_are_gone_are_put_back_with_the_same_version(
    uri: str, tmp_path: Path, lose: Callable[[losses.Lossy], None], caplog: pytest.LogCaptureFixture
) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 100))
    register_model(uri, NAME, tmp_path / "b", correct_but(0, 50))
    store = losses.Lossy(uri)
    run = store.run("2")
    lose(store)
    again = register_model(uri, NAME, tmp_path / "b", correct_but(0, 50))
    assert (again.version, again.champion, again.verdict.outcome) == ("2", "2", "better")
    assert store.run("2") != run
    assert "the files of darkroom-digits version 2 were gone in MLflow" in caplog.text
    assert write_champion(uri, NAME, tmp_path / "champion")["run_id"] == store.run("2")
    assert len(history(direct(uri), NAME)) == 2
    caplog.clear()
    register_model(uri, NAME, tmp_path / "b", correct_but(0, 50))
    assert "were gone" not in caplog.text, "what is there is not put there again"


def test_a_damaged_graph_is_not_written(uri: str, tmp_path: Path) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 50))
    write_champion(uri, NAME, tmp_path / "champion")
    (graph,) = (tmp_path / "mlruns").rglob("versions/*/model.onnx")
    graph.write_bytes(b"cut")
    with pytest.raises(RegistryError, match=r"model\.onnx of darkroom-digits version 1 is damaged"):
        write_champion(uri, NAME, tmp_path / "champion")
    assert (tmp_path / "champion/model.onnx").read_bytes() == (
        tmp_path / "a/exported/model.onnx"
    ).read_bytes()


def test_the_files_of_the_champion_are_written(uri: str, tmp_path: Path) -> None:
    register_model(uri, NAME, tmp_path / "a", correct_but(0, 50))
    register_model(uri, NAME, tmp_path / "b", correct_but(0, 100))
    info = write_champion(uri, NAME, tmp_path / "champion")
    assert info["version"] == "1"
    for name in ("model.onnx", "card.html"):
        assert (tmp_path / "champion" / name).read_bytes() == (tmp_path / "a/exported" / name).read_bytes()
    assert read_json(tmp_path / "champion/model.json") == info


def test_the_kept_predictions_are_read_back(uri: str, tmp_path: Path) -> None:
    correct = correct_but(0, 100)
    register_model(uri, NAME, tmp_path / "a", correct)
    kept = read_candidate(uri, versions.get_version(MlflowClient(uri), NAME, "1"))
    np.testing.assert_array_equal(kept.correct, correct)
    assert (kept.classes, kept.milliseconds) == (DIGITS, 3.0)
