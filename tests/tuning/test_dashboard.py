"""`make dashboard` shows the tuning studies, listens on loopback only, and loads nothing from elsewhere."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import optuna
import psutil
import pytest
import requests
from playwright.sync_api import expect, sync_playwright

from tests.helpers.checkouts import PROJECT
from tests.helpers.chromium import CHROMIUM, FLAGS
from tests.helpers.serving import free_port
from tests.helpers.waiting import answers, eventually

INSTALLED = Path(sys.prefix) / "dashboard/.installed"
pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not INSTALLED.exists(), reason="no .venv/dashboard: `make dashboard` creates it"),
]


def make(folder: Path, port: int, **environment: str) -> subprocess.Popen[str]:
    """Start `make dashboard` in a folder that has the project's Makefile and environment."""
    shutil.copy(PROJECT / "Makefile", folder / "Makefile")
    (folder / ".venv").symlink_to(sys.prefix)
    known = {key: value for key, value in os.environ.items() if key != "OPTUNA_STORAGE"}
    return subprocess.Popen(
        ["make", "dashboard", f"PORT={port}", "-o", ".venv/dashboard/.installed"],
        cwd=folder,
        env=known | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def dashboard(folder: Path, **environment: str) -> Iterator[str]:
    """Start the dashboard and wait until it responds; yield its URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    process = make(folder, port, **environment)
    family = psutil.Process(process.pid)
    try:
        eventually(
            lambda: answers(url),
            lambda: process.communicate()[0] if process.poll() is not None else "the dashboard responds",
            process=process,
        )
        yield url
    finally:
        for member in [*family.children(recursive=True), family]:
            member.kill()
        process.communicate()


def new_study(storage: str, name: str) -> None:
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
    for rate, accuracy in ((0.1, 0.5), (0.2, 0.75), (0.4, 0.6)):
        study.enqueue_trial({"train.learning_rate": rate})
        trial = study.ask({"train.learning_rate": optuna.distributions.FloatDistribution(0.01, 1, log=True)})
        trial.report(accuracy / 2, 1)
        study.tell(trial, accuracy)


def test_without_a_study_it_explains_what_to_do(tmp_path: Path) -> None:
    process = make(tmp_path, free_port())
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "There is no study here yet: run dvc repro, or set OPTUNA_STORAGE" in output
    assert not (tmp_path / ".checkpoints").exists(), "it created a database"


@pytest.mark.browser
def test_it_shows_the_studies_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / ".checkpoints").mkdir()
    new_study(f"sqlite:///{tmp_path / '.checkpoints/studies.db'}", "digits-0123456789abcdef")
    with dashboard(tmp_path) as url:
        (summary,) = requests.get(f"{url}/api/studies", timeout=30).json()["study_summaries"]
        assert summary["study_name"] == "digits-0123456789abcdef"
        detail = requests.get(f"{url}/api/studies/{summary['study_id']}", timeout=30).json()
        assert [trial["values"] for trial in detail["trials"]] == [[0.5], [0.75], [0.6]]
        listening = {
            connection.laddr.ip
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == urlsplit(url).port
        }
        assert listening == {"127.0.0.1"}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            requested: list[str] = []
            page.on("request", lambda request: requested.append(request.url))
            page.goto(f"{url}/dashboard/studies/{summary['study_id']}")
            expect(page.get_by_text("digits-0123456789abcdef").first).to_be_visible(timeout=60_000)
            expect(page.get_by_text("Hyperparameter Importance").first).to_be_visible(timeout=60_000)
            browser.close()
    elsewhere = [
        address
        for address in requested
        if urlsplit(address).scheme not in ("data", "blob") and not address.startswith(f"{url}/")
    ]
    assert elsewhere == []


def test_it_shows_a_shared_storage(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'shared.db'}"
    new_study(storage, "shared")
    (tmp_path / "folder").mkdir()
    with dashboard(tmp_path / "folder", OPTUNA_STORAGE=storage) as url:
        (summary,) = requests.get(f"{url}/api/studies", timeout=30).json()["study_summaries"]
        assert summary["study_name"] == "shared"
