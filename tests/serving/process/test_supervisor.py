"""The served Bento is changed under load, and no request fails."""

import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
import requests

from darkroom.registry.deploy import deploy, find_bento
from darkroom.registry.store import RegisteredModel, RegistryError, Store, registered_name
from darkroom.serving.process.bento import bento_version, build_bento
from darkroom.serving.process.supervisor import SupervisorError, ask, served
from tests.helpers.checkouts import PROJECT
from tests.helpers.serving import DIGITS, encoded, free_port, random_image, write_champion, write_project
from tests.helpers.waiting import eventually

NAME = registered_name("digits")
SHAPE: dict[str, Any] = {"name": "digits", "classes": DIGITS, "height": 8, "width": 8, "channels": 1}
IMAGE = encoded(random_image(8, 8, 1))
CHANGES = 2


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return BentoML's home with the versions 1 and 2, and 3 whose graph is not the one described."""
    root = tmp_path_factory.mktemp("store")
    write_project(root)
    for version in ("1", "2", "3"):
        shutil.rmtree(root / "models", ignore_errors=True)
        write_champion(root / "models/champion", **SHAPE, version=version)
        if version == "3":
            (root / "models/champion/model.onnx").write_bytes(b"another")
        tag = bento_version(root, version)
        archive = root / "digits.bento"
        build_bento(root, name="darkroom-digits", version=tag, archive=archive, home=root / "home")
    return root / "home"


def bento(store: Path, version: str) -> str:
    tag = find_bento(store, "darkroom-digits", version)
    assert tag is not None
    return tag


@contextmanager
def kept(store: Path, tag: str, log: Path) -> Iterator[int]:
    """Serve as `make serve` does; yield the port when it answers."""
    port = free_port()
    environment = {**os.environ, "BENTOML_HOME": str(store), "PYTHONPATH": "src", "DARKROOM_WORKERS": "2"}
    command = [sys.executable, "-m", "darkroom.serving", "--bento", tag, "--port", str(port)]
    with open(log, "w") as said:
        server = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            eventually(lambda: _serves(store, port, tag), log.read_text, process=server)
            yield port
        finally:
            server.terminate()
            assert server.wait(timeout=60) == 0, log.read_text()


def _serves(store: Path, port: int, tag: str) -> bool:
    try:
        return bool(served(store, port)["tag"] == tag)
    except SupervisorError:
        return False


def wait_for_the_old_one(store: Path, port: int) -> None:
    """Return when the supervisor has one server left."""
    supervisor = psutil.Process(served(store, port)["pid"])
    eventually(lambda: len(supervisor.children()) == 1, "the old server ends", seconds=60)


@dataclass
class Load:
    """Clients that predict without a pause: some keep their connection, some open one each time."""

    url: str
    versions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def client(self, keep_alive: bool) -> None:
        session = requests.Session()
        while not self.stop.is_set():
            try:
                files = {"image": IMAGE}
                send = session.post if keep_alive else requests.post
                answer = send(f"{self.url}/predict", files=files, timeout=30)
                answer.raise_for_status()
                self.versions[answer.json()["model"]["version"]] += 1
            except requests.RequestException as error:
                self.failures.append(f"{'kept' if keep_alive else 'new'}: {error!r}")

    @contextmanager
    def running(self, clients: int = 6) -> Iterator[None]:
        threads = [threading.Thread(target=self.client, args=(n % 2 == 0,)) for n in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()


@pytest.mark.slow
def test_the_bento_changes_back_and_forth_and_no_request_fails(store: Path, tmp_path: Path) -> None:
    tags = [bento(store, version) for version in ("1", "2")]
    log = tmp_path / "log.txt"
    with kept(store, tags[0], log) as port:
        load = Load(f"http://127.0.0.1:{port}")
        with load.running():
            for change in range(1, CHANGES + 1):
                done = ask(store, port, tags[change % 2])
                assert (done["tag"], done["before"]) == (tags[change % 2], tags[1 - change % 2])
                since = load.versions.copy()
                wait_for_the_old_one(store, port)
                new = load.versions - since
                assert new["12"[change % 2]] > 0, log.read_text()
            with pytest.raises(SupervisorError, match=rf"has the SHA-256 .*; {tags[0]} goes on"):
                ask(store, port, bento(store, "3"))
        assert load.failures == []
        assert set(load.versions) == {"1", "2"}
        after = requests.post(f"{load.url}/predict", files={"image": IMAGE}, timeout=30).json()
        assert after["model"]["version"] == "1"
    with pytest.raises(SupervisorError, match=rf"no service that can change its Bento runs on port {port}"):
        served(store, port)


@dataclass
class Registry:
    """A registry whose model has a champion; no more of `registry.store.Store` is needed to deploy."""

    champion: str | None

    def read(self, name: str) -> RegisteredModel | None:
        return RegisteredModel(tags={}, champion=self.champion) if name == NAME else None


def test_the_champion_is_deployed_and_what_cannot_be_is_said(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(store))
    with kept(store, bento(store, "1"), tmp_path / "log.txt") as port:

        def deployed(version: str | None) -> dict[str, object]:
            return deploy(PROJECT, cast(Store, Registry(version)), NAME, port=port)

        assert deployed("1") == {"tag": bento(store, "1"), "before": bento(store, "1"), "seconds": 0.0}
        assert deployed("2")["before"] == bento(store, "1")
        assert served(store, port)["tag"] == bento(store, "2")
        with pytest.raises(RegistryError, match="has no champion to serve"):
            deployed(None)
    with pytest.raises(SupervisorError, match="start it with `make serve`"):
        deployed("2")
