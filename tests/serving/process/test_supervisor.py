"""The supervisor replaces the served Bento under load, and no request fails."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import requests

from darkroom.registry.deploy import deploy, find_bento
from darkroom.registry.store import RegisteredModel, RegistryError, Store, registered_name
from darkroom.serving.process.bento import bento_version, build_bento
from darkroom.serving.process.control import SupervisorError, change_bento, read_state
from darkroom.serving.process.supervisor import Supervisor
from tests.helpers.checkouts import PROJECT
from tests.helpers.load import Load, wait_for_old_server
from tests.helpers.serving import DIGITS, free_port, write_champion, write_project
from tests.helpers.waiting import eventually

NAME = registered_name("digits")
SHAPE: dict[str, Any] = {"name": "digits", "classes": DIGITS, "height": 8, "width": 8, "channels": 1}
CHANGES = 2


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return BentoML's home with the versions 1, 2 and 3; the graph of 3 does not match its description."""
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


def tag_of(store: Path, version: str) -> str:
    tag = find_bento(store, "darkroom-digits", version)
    assert tag is not None
    return tag


@contextmanager
def supervised(store: Path, tag: str, log: Path) -> Iterator[int]:
    """Serve as `make serve` does; yield the port once the Bento serves."""
    port = free_port()
    environment = {**os.environ, "BENTOML_HOME": str(store), "PYTHONPATH": "src", "DARKROOM_WORKERS": "2"}
    command = [sys.executable, "-m", "darkroom.serving", "--bento", tag, "--port", str(port)]
    with open(log, "w") as output:
        server = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            eventually(lambda: _serves(store, port, tag), log.read_text, process=server)
            yield port
        finally:
            server.terminate()
            assert server.wait(timeout=60) == 0, log.read_text()


def _serves(store: Path, port: int, tag: str) -> bool:
    try:
        return bool(read_state(store, port)["tag"] == tag)
    except SupervisorError:
        return False


def test_a_long_temporary_folder_does_not_keep_it_from_listening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("ä" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    supervisor = Supervisor(tmp_path / "home", host="127.0.0.1", port=free_port(), workers=1)
    supervisor._shut_down()
    assert not list(long.iterdir())


@pytest.mark.ci
def test_the_bento_changes_twice_under_load_and_no_request_fails(store: Path, tmp_path: Path) -> None:
    tags = [tag_of(store, version) for version in ("1", "2")]
    log = tmp_path / "log.txt"
    with supervised(store, tags[0], log) as port:
        load = Load(f"http://127.0.0.1:{port}")
        with load.running():
            for change in range(1, CHANGES + 1):
                done = change_bento(store, port, tags[change % 2])
                assert (done["tag"], done["before"]) == (tags[change % 2], tags[1 - change % 2])
                since = load.versions.copy()
                wait_for_old_server(store, port)
                new = load.versions - since
                assert new["12"[change % 2]] > 0, log.read_text()
            with pytest.raises(SupervisorError, match=rf"has the SHA-256 .*; {tags[0]} continues to serve"):
                change_bento(store, port, tag_of(store, "3"))
        assert load.failures == []
        assert set(load.versions) == {"1", "2"}
        after = requests.post(f"{load.url}/predict", files={"image": load.image}, timeout=30).json()
        assert after["model"]["version"] == "1"
    with pytest.raises(SupervisorError, match=rf"no service that can change its Bento runs on port {port}"):
        read_state(store, port)


@dataclass
class Registry:
    """A registry whose model has a champion; no more of `registry.store.Store` is needed to deploy."""

    champion: str | None

    def read(self, name: str) -> RegisteredModel | None:
        return RegisteredModel(tags={}, champion=self.champion) if name == NAME else None

    def versions(self, name: str) -> list[str]:
        return ["1", "2"]


def test_the_champion_is_deployed_and_errors_name_what_is_missing(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(store))
    with supervised(store, tag_of(store, "1"), tmp_path / "log.txt") as port:

        def deployed(version: str | None) -> dict[str, object]:
            return deploy(PROJECT, cast(Store, Registry(version)), NAME, port=port)

        assert deployed("1") == {"tag": tag_of(store, "1"), "before": tag_of(store, "1"), "seconds": 0.0}
        assert deployed("2")["before"] == tag_of(store, "1")
        assert read_state(store, port)["tag"] == tag_of(store, "2")
        with pytest.raises(RegistryError, match="has no champion to serve"):
            deployed(None)
        with pytest.raises(RegistryError, match="version 7, was deleted: roll back"):
            deployed("7")
        damaged = r"no whole Bento darkroom-digits:9 in .*: it lacks bento\.yaml"
        with pytest.raises(RegistryError, match=damaged):
            deploy(PROJECT, cast(Store, Registry("1")), NAME, port=port, tag="darkroom-digits:9")
    with pytest.raises(SupervisorError, match="start it with `make serve`"):
        deployed("2")
