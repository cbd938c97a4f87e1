"""The metrics and the log of a real service with two workers, also after one of them was killed."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests

from darkroom.serving.monitoring.prediction_log import read_predictions
from tests.helpers.metrics import Metrics, metric, metrics, predict, send
from tests.helpers.serving import bento_of, encoded, random_image, serving
from tests.helpers.waiting import eventually
from tests.serving.http.test_overload import workers

pytestmark = pytest.mark.timeout(180)
Service = tuple[str, psutil.Process, Path]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("log")
    settings = {"DARKROOM_WORKERS": "2", "DARKROOM_LOG": str(folder), "DARKROOM_QUEUE_SECONDS": "60"}
    with serving(*bento_of("monitored")[:2], settings=settings) as (url, supervisor):
        process = psutil.Process(supervisor.pid)
        eventually(lambda: metric(url, "darkroom_workers") == 2, "two workers run")
        yield url, process, folder


def concurrently(count: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(work, range(count)))


def requests_of_clients(now: Metrics) -> float:
    """Return how many requests were counted, without those for the metrics."""
    durations = now["darkroom_request_seconds_count"]
    return sum(count for (route,), count in durations.items() if route != "/metrics")


def test_metrics_are_of_all_workers(service: Service) -> None:
    url, _, folder = service
    before = metrics(url)
    assert before["darkroom_worker_starts_total"] == {(): 2}
    assert concurrently(40, lambda number: predict(url, number)) == [200] * 40
    files = [("images", encoded(random_image(seed=seed))) for seed in range(5)]
    assert requests.post(url + "/predict_batch", files=files, timeout=60).status_code == 200
    assert requests.post(url + "/predict", files={"image": b""}, timeout=60).status_code == 422
    assert requests.get(url + "/nothing", timeout=60).status_code == 404
    # a request is counted when its last byte was sent, which a client may have read before
    eventually(lambda: requests_of_clients(metrics(url)) == requests_of_clients(before) + 43, "all counted")
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
