"""The metrics and the log of a real service with two workers, also after one of them was killed."""

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests
import yaml
from numpy.typing import NDArray
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from darkroom.reporting.grafana import draw_dashboard
from darkroom.serving.monitoring.prediction_log import read_predictions
from tests.helpers.prometheus import MONITORING, prometheus, query
from tests.helpers.serving import PROJECT, bento_of, encoded, random_image, serving
from tests.helpers.waiting import eventually
from tests.serving.http.test_overload import workers

pytestmark = pytest.mark.timeout(180)
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus and promtool are not installed (apt-get install prometheus)",
)
Service = tuple[str, psutil.Process, Path]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("log")
    settings = {"DARKROOM_WORKERS": "2", "DARKROOM_LOG": str(folder), "DARKROOM_QUEUE_SECONDS": "60"}
    with serving(*bento_of("monitored")[:2], settings=settings) as (url, supervisor):
        process = psutil.Process(supervisor.pid)
        eventually(lambda: metric(url, "darkroom_workers") == 2, "two workers run")
        yield url, process, folder


def metrics(url: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Return what /metrics reports: by name, by the values of the labels, sorted by the labels' names."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(requests.get(url + "/metrics", timeout=30).text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            assert labels not in found.setdefault(sample.name, {}), f"{sample.name} {labels} occurs twice"
            found[sample.name][labels] = sample.value
    return found


def metric(url: str, name: str, *labels: str) -> float:
    return metrics(url).get(name, {}).get(labels, 0.0)


def predict(url: str, seed: int = 1) -> int:
    files = {"image": encoded(random_image(seed=seed))}
    return requests.post(url + "/predict", files=files, timeout=60).status_code


def concurrently(count: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(work, range(count)))


def test_metrics_are_of_all_workers(service: Service) -> None:
    url, _, folder = service
    before = metrics(url)
    assert before["darkroom_worker_starts_total"] == {(): 2}
    assert concurrently(40, lambda number: predict(url, number)) == [200] * 40
    files = [("images", encoded(random_image(seed=seed))) for seed in range(5)]
    assert requests.post(url + "/predict_batch", files=files, timeout=60).status_code == 200
    assert requests.post(url + "/predict", files={"image": b""}, timeout=60).status_code == 422
    assert requests.get(url + "/nothing", timeout=60).status_code == 404
    now = metrics(url)

    def more(name: str, *labels: str) -> float:
        if labels:
            return now[name][labels] - before.get(name, {}).get(labels, 0)
        return sum(now[name].values()) - sum(before.get(name, {}).values())

    assert more("darkroom_predictions_total") == more("darkroom_confidence_count") == 45
    assert more("darkroom_requests_total", "/predict", "2xx") == 40
    assert more("darkroom_requests_total", "/predict", "4xx") == 1
    assert more("darkroom_requests_total", "other", "4xx") == 1
    assert more("darkroom_requests_total", "/predict", "5xx") == 0
    assert more("darkroom_request_seconds_count", "/predict_batch") == 1
    assert more("darkroom_prediction_seconds_count", "/predict") == 40
    assert more("darkroom_decode_seconds_count") == 41
    assert more("darkroom_batch_images_sum") == 45
    assert more("darkroom_batch_images_count") == more("darkroom_model_seconds_count")
    assert 0 < more("darkroom_model_seconds_sum") < 60
    assert more("darkroom_rejected_total", "empty") == 1
    assert now["darkroom_requests_in_progress"] == {(): 1}, "the scrape itself"
    assert now["darkroom_waiting_images"] == {(): 0}
    eventually(
        lambda: metric(url, "darkroom_log_lines_total") == sum(now["darkroom_predictions_total"].values()),
        "every prediction is logged",
    )
    assert len(list(read_predictions(folder))) == sum(now["darkroom_predictions_total"].values())


def test_the_model_is_named(service: Service) -> None:
    url = service[0]
    about = requests.get(url + "/model", timeout=30).json()
    labels = ("monitored", about["precision"], about["sha256"][:12], "3")
    assert metrics(url)["darkroom_model_info"] == {labels: 1}


def test_after_a_kill_counters_are_kept_and_gauges_of_the_worker_are_dropped(service: Service) -> None:
    url, process, folder = service
    with ThreadPoolExecutor(8) as pool:
        files = [("images", encoded(random_image(seed=seed))) for seed in range(64)]
        held = [
            pool.submit(requests.post, url + "/predict_batch", files=files, timeout=120) for _ in range(8)
        ]
        eventually(lambda: metric(url, "darkroom_waiting_images") >= 128, "both workers have work")
        before = metrics(url)
        assert before["darkroom_requests_in_progress"][()] > 2
        victim, _ = workers(process)
        victim.send_signal(signal.SIGKILL)
        completed = [work for work in held if work.exception() is None]
    for work in completed:
        assert work.result().status_code == 200
    assert len(completed) < len(held), "some response was lost with the worker"
    eventually(lambda: metric(url, "darkroom_workers") == 2, "another worker replaced it")
    now = metrics(url)
    assert victim.pid not in {worker.pid for worker in workers(process)}
    assert now["darkroom_worker_starts_total"] == {(): 3}
    assert now["darkroom_requests_in_progress"] == {(): 1}
    assert now["darkroom_waiting_images"] == {(): 0}
    for name in ("darkroom_predictions_total", "darkroom_requests_total", "darkroom_request_seconds_count"):
        for labels, count in before[name].items():
            assert now[name][labels] >= count, (name, labels)
    total = sum(now["darkroom_predictions_total"].values())
    lines = now["darkroom_log_lines_total"][()]
    assert predict(url) == 200
    assert sum(metrics(url)["darkroom_predictions_total"].values()) == total + 1
    eventually(lambda: metric(url, "darkroom_log_lines_total") > lines, "the log goes on")
    for line in read_predictions(folder):
        assert line["model"] == {"name": "monitored", "version": "3"}


def send(url: str, images: Sequence[NDArray[np.uint8]]) -> None:
    def batch(start: int) -> int:
        files = [("images", encoded(pixels)) for pixels in images[start : start + 50]]
        return requests.post(url + "/predict_batch", files=files, timeout=120).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(batch, range(0, len(images), 50))) == {200}


def test_a_shift_is_detected_over_all_workers_and_unshifted_images_raise_no_alarm(service: Service) -> None:
    url = service[0]
    before = metric(url, "darkroom_log_lines_total")
    send(url, [random_image(seed=seed) for seed in range(525)])  # replaces what other tests sent
    eventually(lambda: metric(url, "darkroom_log_lines_total") >= before + 525, "all were monitored")
    now = metrics(url)
    assert now["darkroom_drift_images"] == {(): 500}
    assert now["darkroom_drift"][()] == max(now["darkroom_drift_score"].values()) < 1
    send(
        url,
        [np.clip(random_image(seed=seed).astype(int) + 40, 0, 255).astype(np.uint8) for seed in range(250)],
    )
    eventually(lambda: metric(url, "darkroom_drift") >= 1, "brighter images are detected", seconds=20)
    assert metric(url, "darkroom_drift_score", "brightness") >= 1
    assert metric(url, "darkroom_drift_images") == 500


def test_two_services_of_one_home_keep_separate_metrics(service: Service) -> None:
    """BentoML empties the folder of metrics when the second starts; both run during a deployment."""
    url, before = service[0], sum(metrics(service[0])["darkroom_predictions_total"].values())
    assert before > 0
    with serving(*bento_of("monitored")[:2]) as (second, _):
        assert sum(metrics(second)["darkroom_predictions_total"].values()) == 0
        assert predict(second) == 200
        assert metric(url, "darkroom_workers") == 2
        assert sum(metrics(url)["darkroom_predictions_total"].values()) == before
        assert metric(second, "darkroom_workers") == 1


# --- rules, dashboard and docs ------------------------------------------------------------------------


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


def test_rules_dashboard_and_docs_name_existing_metrics(service: Service) -> None:
    url = service[0]
    assert predict(url) == 200
    assert requests.post(url + "/predict", files={"image": b""}, timeout=60).status_code == 422
    send(url, [random_image(seed=seed) for seed in range(150)])
    eventually(lambda: metric(url, "darkroom_drift"), "there is a drift gauge")
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


def test_every_label_in_a_query_exists(service: Service) -> None:
    """A query for a label or a value that no metric has would silently return nothing."""
    assert predict(service[0]) == 200
    now = requests.get(service[0] + "/metrics", timeout=30).text
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
def test_a_real_prometheus_scrapes_alerts_on_drift_and_feeds_the_dashboard(
    service: Service, tmp_path: Path
) -> None:
    url = service[0]
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
