"""The registry on real servers: MLflow's before PostgreSQL and an S3 emulator; `make test-servers` runs this.

The same calls on a sqlite file must give the same results.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient

from darkroom.cli.quickstart import SMALL
from darkroom.config import read_yaml
from darkroom.files import read_json
from darkroom.registry import champion, versions
from darkroom.registry.champion import Change, history, promote, rollback
from darkroom.registry.evidence import EvidenceGoneError, evidence_of
from darkroom.registry.store import RegistryError, registered_name
from darkroom.registry.verdicts import read_verdict
from tests.helpers.checkouts import PROJECT, Checkout, new_checkout
from tests.helpers.gate import correct_but
from tests.helpers.registry import by_mlflow, champion_of, darkroom, direct, register_model
from tests.helpers.servers import Servers
from tests.helpers.servers import servers as start_servers
from tests.helpers.serving import free_port
from tests.helpers.warm_stages import run_stages, set_params, stage_names

pytestmark = pytest.mark.servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with start_servers() as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("servers", marks=pytest.mark.slow)])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'mlflow.db'}"
    running: Servers = request.getfixturevalue("servers")
    return running.uri


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Return a model's name of the test's own: the servers are the same for all."""
    return registered_name(re.sub(r"\W+", "-", request.node.name).strip("-"))


def start(script: str, *arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """Start a Python process that can import the library and the tests."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": f"{PROJECT / 'src'}{os.pathsep}{PROJECT}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def models(uri: str, name: str) -> list[str]:
    """Return the registered models of this name and those beside it, such as its lock."""
    found = MlflowClient(uri).search_registered_models(f"name LIKE '{name}%'")
    return sorted(str(model.name) for model in found)


def is_chain(changes: list[Change]) -> bool:
    """Return whether each change begins where the one before it ended."""
    return [change.before for change in changes] == [None, *(change.after for change in changes)][:-1]


def test_verdicts_and_commands_are_the_same_as_on_sqlite(servers: Servers, name: str, tmp_path: Path) -> None:
    stores = (servers.uri, f"sqlite:///{tmp_path / 'mlflow.db'}")
    on_servers, on_sqlite = (
        [
            register_model(uri, name, tmp_path / place / graph, correct_but(0, wrong))
            for graph, wrong in (("first", 100), ("better", 50), ("equal", 50))
        ]
        for uri, place in zip(stores, ("servers", "sqlite"), strict=True)
    )
    assert [registered.verdict.outcome for registered in on_servers] == ["first", "better", "equal"]
    assert [registered.champion for registered in on_servers] == ["1", "2", "2"]
    assert on_servers == on_sqlite

    def printed(uri: str, *command: str) -> str:
        words = re.sub(r"\b[0-9a-f]{32}\b", "RUN", darkroom(uri, name, *command))
        return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", words)

    for command in (["list"], ["show", "champion"], ["show", "3"], ["compare", "1", "2"], ["history"]):
        of_servers, of_sqlite = (printed(uri, *command) for uri in stores)
        assert of_servers == of_sqlite
    assert "none -> 1" in of_servers
    assert "1 -> 2" in of_servers


def test_champion_and_history_survive_a_restart_of_the_server(
    servers: Servers, name: str, tmp_path: Path
) -> None:
    register_model(servers.uri, name, tmp_path / "a", correct_but(0, 50))
    register_model(servers.uri, name, tmp_path / "b", correct_but(0, 60))
    assert "version 2 is champion, it was 1" in darkroom(
        servers.uri, name, "promote", "2", "--why", "smaller, for the phone"
    )
    servers.stop()
    servers.start()
    assert "version 1 is champion, it was 2" in darkroom(
        servers.uri, name, "rollback", "--why", "worse at night"
    )
    changes = history(by_mlflow(servers.uri), name)
    assert is_chain(changes)
    assert [(change.action, change.after, change.why) for change in changes[1:]] == [
        ("promote", "2", "smaller, for the phone"),
        ("rollback", "1", "worse at night"),
    ]
    assert champion_of(servers.uri, name) == "1"


WORK = """
import json, sys
from pathlib import Path
from darkroom.registry.champion import promote, rollback
from darkroom.registry.store import RegistryError
from tests.helpers.gate import correct_but
from tests.helpers.registry import by_mlflow, direct, register_model

uri, name, folder, number = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
store = direct(uri) if number % 2 else by_mlflow(uri)
print("ready", flush=True)
sys.stdin.readline()
done, refused = [], []
for turn in range(5):
    try:
        if (number + turn) % 5 == 0:
            entered = register_model(uri, name, folder / f"by-{number}", correct_but(0, 40 - 10 * number))
            if entered.verdict.promoted:
                done.append(["register", entered.verdict.champion, entered.version])
            continue
        if (number + turn) % 2:
            change = promote(store, name, str((number + turn) % 3 + 1), why=f"{number} in turn {turn}")
        else:
            change = rollback(store, name, why=f"{number} in turn {turn}")
        done.append([change.action, change.before, change.after])
    except RegistryError as error:
        refused.append(str(error))
print(json.dumps({"done": done, "refused": refused}))
"""


def test_processes_that_change_at_the_same_time_leave_one_chain(uri: str, name: str, tmp_path: Path) -> None:
    for graph, wrong in (("a", 100), ("b", 110), ("c", 120)):
        register_model(uri, name, tmp_path / graph, correct_but(0, wrong))
    workers = [start(WORK, uri, name, str(tmp_path), str(number), cwd=tmp_path) for number in range(4)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    results: list[dict[str, Any]] = []
    for worker in workers:
        printed, _ = worker.communicate()
        assert worker.returncode == 0, printed
        results.append(json.loads(printed.splitlines()[-1]))
    for refused in (words for worker in results for words in worker["refused"]):
        assert "champion already" in refused or "no earlier champion" in refused
    changes = history(by_mlflow(uri), name)
    assert is_chain(changes)
    recorded = Counter((change.action, change.before, change.after) for change in changes[1:])
    assert recorded == Counter(tuple(change) for worker in results for change in worker["done"])
    assert champion_of(uri, name) == changes[-1].after
    assert len(versions.list_versions(MlflowClient(uri), name)) == 7
    assert models(uri, name) == [name], "a lock is left"


HOLD = """
import sys, time
from darkroom.registry.champion_lock import exclusive
from tests.helpers.registry import by_mlflow
with exclusive(by_mlflow(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""
IMPATIENT = """
import sys
from darkroom.registry import champion, champion_lock
from tests.helpers.registry import direct
champion_lock.LOCK_SECONDS = 1.0
print(champion.promote(direct(sys.argv[1]), sys.argv[2], "2", why="the lock's holder died").before)
"""


def test_after_the_holder_of_the_lock_was_killed_others_can_change_the_champion(
    uri: str, name: str, tmp_path: Path
) -> None:
    for graph in ("a", "b"):
        register_model(uri, name, tmp_path / graph, correct_but(0, 100))
    holder = start(HOLD, uri, name, cwd=tmp_path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert models(uri, name) == [name, f"{name}.lock"]
    following = start(IMPATIENT, uri, name, cwd=tmp_path)
    assert following.communicate()[0] == "1\n"
    assert following.returncode == 0
    assert rollback(direct(uri), name, why="and the one after it").after == "1"
    assert is_chain(history(by_mlflow(uri), name))
    assert models(uri, name) == [name]


def test_the_server_store_works_as_mlflow_s_client(servers: Servers, name: str, tmp_path: Path) -> None:
    register_model(servers.uri, name, tmp_path / "a", correct_but(0, 100))
    one, other = direct(servers.uri), by_mlflow(servers.uri)
    assert one.read(name) == other.read(name)
    assert one.read(f"{name}.none") is None
    assert one.versions(name) == other.versions(name) == ["1"]
    lock = f"{name}.lock"
    assert one.create(lock, {"owner": "ü"})
    assert not one.create(lock, {"owner": "me"})
    assert not other.create(lock, {"owner": "me"})
    one.set_tag(lock, "key", "1")
    held = other.read(lock)
    assert held == one.read(lock)
    assert held is not None
    assert held.tags == {"owner": "ü", "key": "1"}
    one.delete(lock)
    one.delete(lock)
    assert other.read(lock) is None
    with pytest.raises(RegistryError, match=r"refused the request: .*not found"):
        one.set_champion(name, "7")


def test_the_evidence_is_kept_in_the_artifact_store(servers: Servers, name: str, tmp_path: Path) -> None:
    register_model(servers.uri, name, tmp_path / "a", correct_but(0, 50))
    version = versions.get_version(MlflowClient(servers.uri), name, "champion")
    folder = versions.evidence_folder(version.tags["sha256"])
    kept = servers.fetch(version.tags["run_id"], folder, tmp_path / "kept")
    assert kept == {
        *("model.onnx", "model.json", "card.html", "predictions.parquet", "metrics.json", "model_card.md"),
        *("data.json", "tuned.json", "params.yaml", "lineage.json", "uncommitted.diff", "verdict.json"),
    }
    for place in ("exported", "evidence"):
        for path in (tmp_path / "a" / place).iterdir():
            assert (tmp_path / "kept" / path.name).read_bytes() == path.read_bytes()


def test_long_and_odd_texts_are_kept_readable(uri: str, name: str, tmp_path: Path) -> None:
    one, other = ([f"{kind} {number:03} {'ü' * 100}" for number in range(100)] for kind in ("old", "new"))
    register_model(uri, name, tmp_path / "a", correct_but(0, 50), classes=one)
    refused = register_model(uri, name, tmp_path / "b", correct_but(0, 50), classes=other)
    assert refused.verdict.outcome == "not comparable"
    assert "it has other classes (new: new 000 ü" in refused.verdict.words
    assert "promote it manually if that is intended" in refused.verdict.words
    version = versions.get_version(MlflowClient(uri), name, "2")
    assert read_verdict(version) == refused.verdict
    assert refused.verdict.words in str(version.description)
    long = "🦊" * (champion.MAX_REASON // 2) + '"' * (champion.MAX_REASON // 2)
    promote(direct(uri), name, "2", why=long)
    rollback(direct(uri), name, why="two\nlines, not UTF-8: \udcff, null: \0, " + "\x1b" * 900)
    assert [change.why for change in history(by_mlflow(uri), name)][1:] == [
        long,
        "two lines, not UTF-8: \ufffd, null: \ufffd, " + "\ufffd" * 900,
    ]


def test_the_order_of_the_history_does_not_depend_on_clocks(
    uri: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(datetime):
        """The clock of a machine that is an hour behind."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Slow":
            return super().now(tz) - timedelta(hours=1)

    for graph, wrong in (("a", 100), ("b", 60), ("c", 20)):
        register_model(uri, name, tmp_path / graph, correct_but(0, wrong))
    monkeypatch.setattr(champion, "datetime", Slow)
    assert rollback(direct(uri), name, why="by another machine").after == "2"
    changes = history(by_mlflow(uri), name)
    assert is_chain(changes)
    assert rollback(direct(uri), name, why="by another machine").after == "1"


def test_an_outage_of_the_artifact_store_is_not_missing_evidence(
    servers: Servers, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    register_model(servers.uri, name, tmp_path / "a", correct_but(0, 50))
    version = versions.get_version(MlflowClient(servers.uri), name, "1")
    servers.stop()
    servers.start(s3=f"http://127.0.0.1:{free_port()}")
    try:
        with pytest.raises(RegistryError) as raised, evidence_of(servers.uri, version):
            pass
    finally:
        servers.stop()
        servers.start()
    assert not isinstance(raised.value, EvidenceGoneError)


def test_a_champion_whose_files_are_gone_is_not_replaced(servers: Servers, name: str, tmp_path: Path) -> None:
    register_model(servers.uri, name, tmp_path / "a", correct_but(0, 100))
    version = versions.get_version(MlflowClient(servers.uri), name, "1")
    run = MlflowClient(servers.uri).get_run(version.tags["run_id"])
    folder = versions.evidence_folder(version.tags["sha256"])
    files = get_artifact_repository(run.info.artifact_uri, tracking_uri=servers.uri)
    files.delete_artifacts(folder)  # type: ignore[no-untyped-call]
    better = register_model(servers.uri, name, tmp_path / "b", correct_but(0, 50))
    assert (better.champion, better.verdict.outcome) == ("1", "not comparable")
    assert "version 1 are not in the artifacts of run" in better.verdict.words


def stages_one_by_one(checkout: Checkout) -> str:
    """Run every stage with the quickstart's parameters, in one process; return what they printed."""
    set_params(checkout.root / "params.yaml", SMALL)
    return run_stages(checkout, stage_names(read_yaml(checkout.root / "dvc.yaml")))


def quickstart(checkout: Checkout) -> str:
    """Run the quickstart, and lay its experiment over the checkout; return what it printed."""
    printed = checkout.run(sys.executable, "-m", "darkroom", "quickstart").stdout
    experiment = next(word for word in printed.split() if word.startswith("quickstart-")).rstrip(",")
    checkout.run("dvc", "exp", "apply", experiment)
    return printed


@pytest.mark.parametrize("run", [stages_one_by_one, pytest.param(quickstart, marks=pytest.mark.slow)])
def test_every_stage_runs_against_the_servers(
    servers: Servers, tmp_path: Path, run: Callable[[Checkout], str]
) -> None:
    checkout = new_checkout(tmp_path / "checkout")
    checkout.environment["MLFLOW_TRACKING_URI"] = servers.uri
    printed = run(checkout)
    assert "darkroom-digits version 1" in printed
    assert not (checkout.root / "mlflow.db").exists()
    assert champion_of(servers.uri, "darkroom-digits") == "1"
    version = versions.get_version(MlflowClient(servers.uri), "darkroom-digits", "champion")
    assert version.tags["bento"] == read_json(checkout.root / "reports/bento.json")["tag"]
    folder = versions.evidence_folder(version.tags["sha256"])
    kept = servers.fetch(version.tags["run_id"], folder, tmp_path / "kept")
    assert kept >= {"model.onnx", "model.json", "card.html", "predictions.parquet", "lineage.json"}
    for name in ("model.onnx", "card.html"):
        served = checkout.root / "models/champion" / name
        assert (tmp_path / "kept" / name).read_bytes() == served.read_bytes()
    printed = checkout.run(
        *(sys.executable, "-m", "darkroom", "--name", "darkroom-digits", "lineage", "champion")
    ).stdout
    assert checkout.run("git", "rev-parse", "HEAD").stdout.strip() in printed
    for digest in read_json(checkout.root / "reports/data.json")["sha256"].values():
        assert digest in printed
