"""The registry's rules and commands, on a real MLflow store in a file."""

import multiprocessing
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from benchmarks import rollback as timing
from darkroom.files import read_json
from darkroom.registry import champion as champions
from darkroom.registry import versions
from darkroom.registry.champion import RegistryError, Store, history, promote, registered_name, rollback
from darkroom.registry.comparison import read_candidate, read_verdict
from darkroom.registry.gate import judge
from darkroom.registry.sqlite_store import open_store
from darkroom.registry.versions import write_champion
from tests.helpers.checkouts import PROJECT
from tests.helpers.registry import RULES, by_mlflow, enter, quick, right_but
from tests.helpers.serving import DIGITS

NAME = registered_name("digits")
FLOOR = RULES.model_copy(update={"min_accuracy": 0.95})


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store once: MLflow takes seconds for its tables."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def uri(tmp_path: Path, empty_store: Path) -> str:
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def command(uri: str, *arguments: str, check: bool = True) -> str:
    """Run `python -m darkroom` on a store; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "darkroom", "--uri", uri, "--name", NAME, *arguments],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert (done.returncode == 0) == check, done.stdout + done.stderr
    return done.stdout + done.stderr


def champion(uri: str) -> str | None:
    version = versions.find_champion(MlflowClient(uri), NAME)
    return None if version is None else str(version.version)


def test_the_first_is_champion_an_equal_or_worse_one_is_not_a_better_one_is(uri: str, tmp_path: Path) -> None:
    first = enter(uri, NAME, tmp_path / "a", right_but(0, 100))
    assert (first.version, first.champion, first.verdict.outcome) == ("1", "1", "first")
    equal = enter(uri, NAME, tmp_path / "b", right_but(0, 100))
    assert (equal.version, equal.champion, equal.verdict.outcome) == ("2", "1", "equal")
    worse = enter(uri, NAME, tmp_path / "c", right_but(0, 150))
    assert (worse.champion, worse.verdict.outcome) == ("1", "worse")
    chance = enter(uri, NAME, tmp_path / "d", right_but(0, 98))
    assert (chance.champion, chance.verdict.outcome) == ("1", "no better")
    better = enter(uri, NAME, tmp_path / "e", right_but(0, 50))
    assert (better.version, better.champion, better.verdict.outcome) == ("5", "5", "better")
    assert [(change.action, change.before, change.after) for change in history(by_mlflow(uri), NAME)] == [
        ("register", None, "1"),
        ("register", "1", "5"),
    ]


def test_the_verdict_is_kept_with_the_version(uri: str, tmp_path: Path) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 100))
    better = enter(uri, NAME, tmp_path / "b", right_but(0, 50))
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
    assert judge(second, first, RULES) == better.verdict, "whoever has what is kept comes to the same"


def test_the_same_graph_gets_no_second_version_and_is_not_judged_again(uri: str, tmp_path: Path) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 100), seed=1)
    enter(uri, NAME, tmp_path / "b", right_but(0, 50), seed=2)
    rollback(quick(uri), NAME, why="complaints")
    again = enter(uri, NAME, tmp_path / "b", right_but(0, 50), seed=2)
    assert (again.version, again.champion) == ("2", "1"), "what people decided stands"
    assert len(MlflowClient(uri).search_model_versions(f"name='{NAME}'")) == 2


def test_a_first_model_below_a_floor_is_no_champion(uri: str, tmp_path: Path) -> None:
    first = enter(uri, NAME, tmp_path / "a", right_but(0, 100), rules=FLOOR)
    assert (first.champion, first.verdict.outcome) == (None, "below a minimum")
    assert champion(uri) is None
    with pytest.raises(RegistryError, match=r"no champion .*darkroom promote"):
        write_champion(uri, NAME, tmp_path / "champion")


def test_other_test_images_and_other_classes_are_refused(uri: str, tmp_path: Path) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 500))
    images = enter(uri, NAME, tmp_path / "b", right_but(), test_sha256="0" * 64)
    assert images.verdict.outcome == "not comparable"
    assert "tested on other images (00000000 against 7e577e57)" in images.verdict.words
    classes = enter(uri, NAME, tmp_path / "c", right_but(), classes=(*DIGITS[:9], "ten"))
    assert classes.verdict.outcome == "not comparable"
    assert "(new: ten; gone: 9)" in classes.verdict.words
    assert champion(uri) == "1"


def test_after_a_deleted_champion_the_floors_alone_decide(uri: str, tmp_path: Path) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 50))
    MlflowClient(uri).delete_model_version(NAME, "1")
    assert champion(uri) is None
    worse = enter(uri, NAME, tmp_path / "b", right_but(0, 100))
    assert (worse.champion, worse.verdict.outcome) == ("2", "first")


def test_a_champion_whose_files_are_gone_is_not_replaced_unseen(uri: str, tmp_path: Path) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 50))
    for path in (tmp_path / "mlruns").rglob("predictions.parquet"):
        path.unlink()
    other = enter(uri, NAME, tmp_path / "b", right_but())
    assert (other.champion, other.verdict.outcome) == ("1", "not comparable")
    assert "predictions of darkroom-digits version 1 are gone" in other.verdict.words
    for path in (tmp_path / "mlruns").rglob("model.json"):
        path.unlink()
    with pytest.raises(RegistryError, match="not in the artifacts of run"):
        write_champion(uri, NAME, tmp_path / "champion")


def test_the_champion_s_own_files_are_written(uri: str, tmp_path: Path) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 50))
    enter(uri, NAME, tmp_path / "b", right_but(0, 100))
    info = write_champion(uri, NAME, tmp_path / "champion")
    assert info["version"] == "1"
    for name in ("model.onnx", "card.html"):
        assert (tmp_path / "champion" / name).read_bytes() == (tmp_path / "a/exported" / name).read_bytes()
    assert read_json(tmp_path / "champion/model.json") == info


def test_promote_rollback_and_history_by_hand(uri: str, tmp_path: Path) -> None:
    for name, wrong in (("a", 100), ("b", 120), ("c", 140)):
        enter(uri, NAME, tmp_path / name, right_but(0, wrong))
    assert "version 3 is champion, it was 1" in command(
        uri, "promote", "3", "--why", "smaller, for the phone"
    )
    assert "version 2 is champion, it was 3" in command(uri, "promote", "2", "--why", "a compromise")
    assert "version 3 is champion, it was 2" in command(uri, "rollback", "--why", "worse at night")
    assert "version 1 is champion, it was 3" in command(uri, "rollback")
    assert "no earlier champion" in command(uri, "rollback", check=False)
    told = command(uri, "history").splitlines()
    assert [line.split("  ")[-1].strip() for line in told[2:]] == [
        "smaller, for the phone",
        "a compromise",
        "worse at night",
        "rolled back",
    ]
    assert "None" not in "".join(told)
    assert "none -> 1" in told[1]


@pytest.mark.parametrize("store", [by_mlflow, quick])
def test_a_rollback_passes_over_deleted_versions(
    uri: str, tmp_path: Path, store: Callable[[str], Store]
) -> None:
    for name, wrong in (("a", 100), ("b", 60), ("c", 20)):
        enter(uri, NAME, tmp_path / name, right_but(0, wrong))
    assert champion(uri) == "3"
    MlflowClient(uri).delete_model_version(NAME, "2")
    assert rollback(store(uri), NAME, why="x").after == "1"
    assert champion(uri) == "1"


@pytest.mark.parametrize("store", [by_mlflow, quick])
def test_after_the_champion_was_deleted_a_rollback_goes_to_the_one_before(
    uri: str, tmp_path: Path, store: Callable[[str], Store]
) -> None:
    for name, wrong in (("a", 100), ("b", 60)):
        enter(uri, NAME, tmp_path / name, right_but(0, wrong))
    MlflowClient(uri).delete_model_version(NAME, "2")
    assert rollback(store(uri), NAME, why="x").after == "1"
    assert champion(uri) == "1"


def test_the_sqlite_store_does_what_mlflow_s_client_does(uri: str, tmp_path: Path) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 100))
    for one, other in ((quick(uri), by_mlflow(uri)), (by_mlflow(uri), quick(uri))):
        assert one.read(NAME) == other.read(NAME)
        assert one.read("none") is other.read("none") is None
        assert one.versions(NAME) == other.versions(NAME) == ["1"]
        assert one.create("lock", {"owner": "ü"})
        assert not other.create("lock", {"owner": "me"})
        held = other.read("lock")
        assert held is not None
        assert (held.tags, held.champion) == ({"owner": "ü"}, None)
        for number in "12":
            one.tag("lock", "key", number)
            assert other.read("lock") == replace(held, tags={"owner": "ü", "key": number})
        other.delete("lock")
        one.delete("lock")
        assert one.read("lock") is None
        one.point(NAME, "1")
        assert other.read(NAME) == one.read(NAME)


def test_a_rollback_does_not_wait_for_mlflow(uri: str, tmp_path: Path) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 100))
    enter(uri, NAME, tmp_path / "b", right_but(0, 50))
    script = (
        "import sys; from darkroom.__main__ import main; main(sys.argv[1:]); "
        "print([name for name in ('mlflow', 'pandas', 'torch') if name in sys.modules])"
    )
    arguments = ("--uri", uri, "--name", NAME, "rollback")
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=os.environ | {"PYTHONPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert champion(uri) == "1"


def test_the_rollback_is_timed(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    timing.tell("sqlite", uri, 1)
    assert re.fullmatch(r"sqlite +\d\.\d{3}, \d+\.\d{3} +\d\.\d{3}, \d+\.\d{3}\n", capsys.readouterr().out)


def test_a_store_of_another_mlflow_is_left_to_mlflow(uri: str, tmp_path: Path) -> None:
    assert open_store("postgresql://localhost/x") is None
    path = Path(uri.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'another'")
    assert open_store(uri) is None
    assert "does not answer as it should" in command(uri, "rollback", check=False)
    path.write_bytes(b"no database" * 1000)
    for asked in ("rollback", "list"):
        assert "not a database" in command(uri, asked, check=False)


@pytest.mark.slow
def test_the_commands_list_show_and_compare(uri: str, tmp_path: Path) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 100))
    enter(uri, NAME, tmp_path / "b", right_but(50, 150))
    listed = command(uri, "list").splitlines()
    assert listed[0].split() == ["version", "test", "accuracy", "commit", "verdict"]
    accuracy = "90.00% (88.00% to 91.00%)"
    assert listed[1].split() == ["2", *accuracy.split(), "01234567", "no", "better"]
    assert listed[2].split() == ["1", "champion", *accuracy.split(), "01234567", "first"]
    shown = command(uri, "show", "champion")
    assert "promoted: there was no champion" in shown
    assert "test_sha256" in shown
    compared = command(uri, "compare", "2", "1")
    assert "90.00% (87.98% to 91.71%)" in compared
    assert "+0.00 points" in compared
    assert "50 were right here alone and 50 there alone, p = 1" in compared
    assert "train.learning_rate" in compared


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "7"), "no version '7'; there are: 1"),
        (("promote", "1", "--why", "x"), "is the champion already"),
        (("promote", "7", "--why", "x"), "no version '7'"),
        (("promote", "1", "--why", " "), "the reason must have 1 to 1000 characters, got 0"),
        (("lineage", "7"), "no version '7'"),
    ],
)
def test_what_cannot_be_done_is_said(uri: str, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 100))
    assert said in command(uri, *arguments, check=False)
    assert len(history(by_mlflow(uri), NAME)) == 1


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    said = command(f"sqlite:///{tmp_path / 'none.db'}", "list", check=False)
    assert "none.db is not there" in said
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_not_there_is_said() -> None:
    for asked in ("list", "rollback"):
        said = command("http://someone:secret@127.0.0.1:9", asked, check=False)
        assert "the registry at http://127.0.0.1:9 does not answer" in said
        assert "secret" not in said


def _change_often(uri: str, number: int) -> None:
    store = quick(uri) if number % 2 else by_mlflow(uri)
    for turn in range(5):
        if (number + turn) % 2:
            try:
                rollback(store, NAME, why=f"{number}.{turn}")
            except RegistryError as error:
                assert "no earlier champion" in str(error)  # noqa: PT017  nothing to test if none is raised
        else:
            other = "2" if champion(uri) == "1" else "1"
            try:
                promote(store, NAME, other, why=f"{number}.{turn}")
            except RegistryError as error:
                assert "champion already" in str(error)  # noqa: PT017  another process was first


@pytest.mark.slow
def test_many_at_once_leave_an_unbroken_history(uri: str, tmp_path: Path) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 100))
    enter(uri, NAME, tmp_path / "b", right_but(0, 120))
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_change_often, args=(uri, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    changes = history(by_mlflow(uri), NAME)
    assert [change.before for change in changes[1:]] == [change.after for change in changes[:-1]]
    assert champion(uri) == changes[-1].after
    assert len(changes) > 5
    assert [model.name for model in MlflowClient(uri).search_registered_models()] == [NAME], "no lock is left"


def _hold_and_die(uri: str) -> None:
    with champions.exclusive(by_mlflow(uri), NAME):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_lock_of_a_process_that_died_is_taken_over(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(uri, NAME, tmp_path / "a", right_but(0, 100))
    enter(uri, NAME, tmp_path / "b", right_but(0, 120))
    process = multiprocessing.get_context("spawn").Process(target=_hold_and_die, args=(uri,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert MlflowClient(uri).get_registered_model(f"{NAME}.lock")
    monkeypatch.setattr(champions, "LOCK_SECONDS", 0.5)
    assert promote(quick(uri), NAME, "2", why="x").after == "2"
    assert [model.name for model in MlflowClient(uri).search_registered_models()] == [NAME]


def test_a_moved_store_finds_its_files(tmp_path: Path) -> None:
    old, new = tmp_path / "old place", tmp_path / "new place"
    old.mkdir()
    enter(f"sqlite:///{old / 'mlflow.db'}", NAME, tmp_path / "a", right_but(0, 100))
    old.rename(new)
    uri = f"sqlite:///{new / 'mlflow.db'}"
    assert "no version" not in command(uri, "lineage", "champion")
    info = write_champion(uri, NAME, tmp_path / "champion")
    assert info["version"] == "1"
    better = enter(uri, NAME, tmp_path / "b", right_but(0, 50))
    assert better.verdict.outcome == "better"
    assert not old.exists()


def test_a_copied_store_leaves_the_original_s_paths_alone(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    enter(f"sqlite:///{old / 'mlflow.db'}", NAME, tmp_path / "a", right_but(0, 100))
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "mlflow.db").write_bytes((old / "mlflow.db").read_bytes())
    info = write_champion(f"sqlite:///{copy / 'mlflow.db'}", NAME, tmp_path / "champion")
    assert info["version"] == "1"


def test_predictions_are_what_was_kept(uri: str, tmp_path: Path) -> None:
    answers = right_but(0, 100)
    enter(uri, NAME, tmp_path / "a", answers)
    kept = read_candidate(uri, versions.get_version(MlflowClient(uri), NAME, "1"))
    np.testing.assert_array_equal(kept.right, answers)
    assert (kept.classes, kept.milliseconds) == (DIGITS, 3.0)
