"""What was deleted, renamed or damaged in MLflow: a stage goes on, or says in a sentence what to do."""

import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from darkroom.tracking import mlflow_tables, runs
from darkroom.tracking.experiments import open_experiment
from darkroom.tracking.runs import has_run, open_run
from darkroom.tracking.store_errors import TrackingError
from darkroom.tracking.trained_run import trained_run
from tests.helpers.losses import Lossy
from tests.helpers.revisions import NEWER, OLDER, database, set_revision


def experiment_of(uri: str, run_id: str) -> str:
    """Return the name of the experiment that a run is in."""
    client = MlflowClient(uri)
    return str(client.get_experiment(client.get_run(run_id).info.experiment_id).name)


def new_run(uri: str, run_id: str | None = None, parent: str | None = None) -> str:
    """Open and end a run; return its id."""
    with open_run(uri, "digits", name="train", run_id=run_id, parent=parent) as opened:
        runs.log_metrics({"loss": 1.0})
        runs.log_text("text", "note.txt")
    return opened


def test_the_runs_of_a_deleted_experiment_go_beside_it_and_that_is_told_once(
    uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    client, old = MlflowClient(uri), new_run(uri)
    client.delete_experiment(open_experiment(uri, "digits"))
    with caplog.at_level(logging.WARNING, "darkroom"):
        first, second = new_run(uri), new_run(uri)
    assert [experiment_of(uri, run) for run in (first, second)] == ["digits-2", "digits-2"]
    (told,) = [record.getMessage() for record in caplog.records if record.name.startswith("darkroom")]
    assert "the experiment digits was deleted in MLflow, so its runs are logged to digits-2 now" in told
    assert client.get_run(old).info.lifecycle_stage == "deleted", "what somebody deleted stays deleted"
    client.delete_experiment(open_experiment(uri, "digits"))
    assert experiment_of(uri, new_run(uri)) == "digits-3"
    deleted = client.get_experiment_by_name("digits")
    assert deleted is not None
    client.restore_experiment(deleted.experiment_id)
    assert experiment_of(uri, new_run(uri)) == "digits"


def test_the_name_of_a_purged_experiment_is_used_again(uri: str) -> None:
    store, old = Lossy(uri), new_run(uri)
    store.client.delete_experiment(store.experiment())
    store.collect_garbage()
    run = new_run(uri, old)
    assert run != old
    assert experiment_of(uri, run) == "digits"


def test_a_run_goes_on_in_its_renamed_experiment_and_a_new_one_in_a_new_one(uri: str) -> None:
    client, run = MlflowClient(uri), new_run(uri)
    client.rename_experiment(open_experiment(uri, "digits"), "old digits")
    other = new_run(uri)
    assert new_run(uri, run) == run
    assert [experiment_of(uri, each) for each in (run, other)] == ["old digits", "digits"]
    assert experiment_of(uri, new_run(uri, parent=run)) == "old digits", "MLflow shows it below its parent"


@pytest.mark.parametrize("purged", [False, True])
def test_a_deleted_run_or_parent_is_replaced(uri: str, purged: bool) -> None:
    store, run = Lossy(uri), new_run(uri)
    store.client.delete_run(run)
    if purged:
        store.collect_garbage()
    assert not has_run(uri, run)
    again = new_run(uri, run)
    assert again != run
    child = new_run(uri, parent=run)
    assert "mlflow.parentRunId" not in store.client.get_run(child).data.tags


@pytest.mark.parametrize("note", ["", "no id at all/..", "0" * 32])
def test_a_note_with_another_run_s_id_counts_as_none(uri: str, note: str) -> None:
    assert not has_run(uri, note)
    assert new_run(uri, note) != note


def test_a_run_that_is_deleted_while_it_is_open_ends_with_a_sentence(uri: str) -> None:
    opened = []

    def train() -> None:
        with open_run(uri, "digits", name="train") as run:
            opened.append(run)
            MlflowClient(uri).delete_run(run)
            runs.log_metrics({"loss": 1.0})

    with pytest.raises(TrackingError, match=r"deleted.*somebody deleted it in MLflow meanwhile: run this"):
        train()
    (run,) = opened
    with open_run(uri, "digits", name="train", run_id=run) as again:
        assert again != run, "the process can go on"


def test_a_deleted_training_run_gets_one_stand_in_wherever_that_is(uri: str) -> None:
    client, run = MlflowClient(uri), new_run(uri)
    client.delete_experiment(open_experiment(uri, "digits"))
    with trained_run(uri, "digits", run) as stand_in:
        pass
    client.rename_experiment(open_experiment(uri, "digits"), "renamed")
    with trained_run(uri, "digits", run) as again:
        pass
    assert again == stand_in != run
    assert client.get_run(again).data.tags["stands_in_for"] == run


def test_asking_for_a_run_creates_no_database(tmp_path: Path) -> None:
    assert not has_run(f"sqlite:///{tmp_path / 'mlflow.db'}", "0" * 32)
    assert not list(tmp_path.iterdir())


def overwrite(file: Path) -> None:
    file.write_bytes(b"no database\n" * 1000)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def replace(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


def age(file: Path) -> None:
    set_revision(f"sqlite:///{file}", OLDER)


def renew(file: Path) -> None:
    set_revision(f"sqlite:///{file}", NEWER)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (overwrite, "is not a database; the file is damaged or something else: restore a backup"),
        (
            cut,
            r"malformed; the file is damaged or something else: .*`dvc repro -s -f register` makes a new one",
        ),
        (replace, r"mlflow\.db is a database of another program \(it has the table songs\): name another"),
        (
            age,
            rf"by an older MLflow than the installed .*{OLDER}.*copy the file, then run `mlflow db upgrade",
        ),
        (
            renew,
            rf"by a newer MLflow than the installed .*{NEWER}: update the checkout and run `make install`",
        ),
    ],
)
def test_a_file_that_is_not_this_mlflow_s_is_told_and_left_as_it_is(
    uri: str, change: Callable[[Path], None], said: str
) -> None:
    file = database(uri)
    change(file)
    before = file.read_bytes()
    with pytest.raises(TrackingError, match=said) as raised, open_run(uri, "digits", name="train"):
        pass
    assert "\n" not in str(raised.value)
    with pytest.raises(TrackingError, match=said), trained_run(uri, "digits", "0" * 32):
        pass
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["mlflow.db"]


def test_an_empty_file_is_as_good_as_none(uri: str) -> None:
    database(uri).write_bytes(b"")
    assert has_run(uri, new_run(uri))


def test_a_database_that_another_process_keeps_locked_is_told(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_tables, "LOCK_SECONDS", 0.1)
    with closing(sqlite3.connect(database(uri))) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TrackingError, match="locked; another process is writing to it: try again"):
            new_run(uri)
    assert new_run(uri)


def test_an_artifact_folder_that_was_removed_is_made_again(uri: str) -> None:
    run = new_run(uri)
    shutil.rmtree(database(uri).parent / "mlruns")
    assert new_run(uri, run) == run
    assert list(database(uri).parent.rglob("note.txt"))


@contextmanager
def other_server(status: int, content: bytes) -> Iterator[str]:
    """Run a server that gives every request this response; yield its address with a secret in it."""

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = respond  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://me:secret@127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (401, b"You are not authenticated.", "name a user of it in MLFLOW_TRACKING_USERNAME"),
        (403, b"Permission denied", "ask its administrator for the permission"),
        (
            403,
            b'{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}',
            "ask its administrator",
        ),
        (404, b"<html>nothing here</html>", "check the address, in MLFLOW_TRACKING_URI or after --uri"),
        (200, b"<html>hello</html>", "check the address, in MLFLOW_TRACKING_URI or after --uri"),
    ],
)
def test_a_server_that_refuses_or_is_another_is_told(
    status: int, content: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with other_server(status, content) as uri, pytest.raises(TrackingError, match=said) as raised:
        new_run(uri)
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (
            "http://127.0.0.1:9",
            "check the address, in MLFLOW_TRACKING_URI or after --uri, and that the server",
        ),
        ("ftp://127.0.0.1/mlflow", r"give sqlite:///FILE, postgresql://\.\.\. or"),
        ("sqlite://mlflow.db", "give sqlite:///FILE"),
        ("mysql://someone:secret@127.0.0.1/mlflow", "install this driver of the database"),
    ],
)
def test_an_address_that_is_none_is_told(uri: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match=said) as raised:
        new_run(uri)
    assert "secret" not in str(raised.value)
