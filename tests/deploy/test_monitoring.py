"""The alerting rules, the dashboard and the docs agree with the metrics of a real service."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
import yaml
from PIL import Image

from darkroom.reporting.grafana import draw_dashboard
from tests.helpers.metrics import metrics, predict, send
from tests.helpers.prometheus import MONITORING, prometheus, query
from tests.helpers.serving import PROJECT, bento_of, random_image, serve_bento
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.timeout(180)
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus and promtool are not installed (apt-get install prometheus)",
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service with two workers, a reference for drift and a prediction log."""
    log = str(tmp_path_factory.mktemp("log"))
    settings = {"DARKROOM_WORKERS": "2", "DARKROOM_LOG": log, "DARKROOM_QUEUE_SECONDS": "60"}
    with serve_bento(*bento_of("monitored")[:2], settings=settings) as url:
        yield url


def named(text: str) -> set[str]:
    """Return the metrics that a text names, without the suffixes of histograms."""
    return {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"\bdarkroom_[a-z_]+", text)}


def queries() -> str:
    """Return all queries of the rules and the dashboard."""
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    dashboard = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
    found = [rule["expr"] for group in rules for rule in group["rules"]]
    found += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    found += [note["expr"] for note in dashboard["annotations"]["list"]]
    found += [variable["query"]["query"] for variable in dashboard["templating"]["list"]]
    return "\n".join(found)


def test_rules_dashboard_and_docs_name_existing_metrics(url: str) -> None:
    assert predict(url) == 200
    assert requests.post(url + "/predict", files={"image": b""}, timeout=60).status_code == 422
    send(url, [random_image(seed=seed) for seed in range(150)])
    eventually(lambda: "darkroom_drift" in metrics(url), "there is a drift gauge")
    existing = named(requests.get(url + "/metrics", timeout=30).text)
    # appears with its first event, which this service does not have
    feedback = {"darkroom_feedback_total"}
    assert "darkroom_feedback_total" in named(queries())
    assert named(queries()) - existing <= feedback
    lines = (PROJECT / "docs/monitoring.md").read_text(encoding="utf-8").splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| `darkroom_")]
    documented = named("\n".join(cells))
    assert documented - existing <= feedback
    assert existing - documented == {"darkroom_feedback"} & existing


def test_every_label_in_a_query_exists(url: str) -> None:
    """A query for a label or a value that no metric has would silently return nothing."""
    assert predict(url) == 200
    now = requests.get(url + "/metrics", timeout=30).text
    for name, wanted in re.findall(r"\b(darkroom_[a-z_]+)\{([^}]*)\}", queries()):
        lines = [line for line in now.splitlines() if line.startswith(name + "{")]
        for label, kind, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', wanted):
            if label != "instance" and kind != "!=":
                pattern = value if kind == "=~" else re.escape(value)
                assert any(re.search(rf'\b{label}="{pattern}"', line) for line in lines), (name, label, value)


def test_each_alert_is_described_and_has_a_test() -> None:
    (group,) = yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    tested = (MONITORING / "alerts_test.yml").read_text(encoding="utf-8")
    for rule in group["rules"]:
        assert set(rule["annotations"]) == {"summary", "description"}
        assert f'alertname="{rule["alert"]}", alertstate="firing", ' in tested, rule["alert"]


@needs_prometheus
@pytest.mark.servers
def test_promtool_accepts_the_rules_and_their_tests() -> None:
    for arguments in (
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
        ["check", "config", "--syntax-only", "prometheus.yml"],
    ):
        done = subprocess.run(["promtool", *arguments], cwd=MONITORING, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
@pytest.mark.servers
def test_a_real_prometheus_scrapes_alerts_on_drift_and_feeds_the_dashboard(url: str, tmp_path: Path) -> None:
    with prometheus(url, tmp_path / "prometheus") as server:
        start = time.time()
        eventually(
            lambda: list(query(server, 'up{job="darkroom"}').values()) == [1],
            "Prometheus scrapes the service",
        )
        send(url, [np.clip(random_image(seed=seed) + 90.0, 0, 255).astype(np.uint8) for seed in range(550)])
        eventually(
            lambda: max(query(server, "darkroom_drift").values(), default=0) > 1, "Prometheus has the drift"
        )
        total = "sum(darkroom_predictions_total)"  # a scrape may see the drift before the last image
        eventually(
            lambda: max(query(server, total).values(), default=0) >= 550, "Prometheus has every prediction"
        )
        alerts = 'ALERTS{alertname="DarkroomDrift", alertstate="pending"}'  # firing after a minute
        eventually(lambda: query(server, alerts), "the alert is pending")
        rules = requests.get(f"{server}/api/v1/rules", timeout=30).json()["data"]["groups"][0]["rules"]
        assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
        draw_dashboard(tmp_path / "dashboard.png", server, start=start, end=time.time(), rate="10s")
    with Image.open(tmp_path / "dashboard.png") as image:
        assert image.width > 1200
