"""The figures and the log of a real service with two workers, also after one of them was killed."""

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

from darkroom.serving.predictionlog import read_predictions
from tests.serving_helpers import bento_of, encoded, picture, serving
from tests.test_overload import eventually, workers

pytestmark = pytest.mark.timeout(180)
Service = tuple[str, psutil.Process, Path]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("log")
    settings = {"DARKROOM_WORKERS": "2", "DARKROOM_LOG": str(folder), "DARKROOM_QUEUE_SECONDS": "60"}
    with serving(*bento_of("watched")[:2], settings=settings) as (url, supervisor):
        process = psutil.Process(supervisor.pid)
        eventually(lambda: figure(url, "darkroom_workers") == 2, "there are two workers")
        yield url, process, folder


def figures(url: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Return what /metrics says: by name, by the values of the labels, sorted by the labels' names."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(requests.get(url + "/metrics", timeout=30).text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            assert labels not in found.setdefault(sample.name, {}), f"{sample.name} {labels} is there twice"
            found[sample.name][labels] = sample.value
    return found


def figure(url: str, name: str, *labels: str) -> float:
    return figures(url).get(name, {}).get(labels, 0.0)


def predict(url: str, seed: int = 1) -> int:
    files = {"picture": encoded(picture(seed=seed))}
    return requests.post(url + "/predict", files=files, timeout=60).status_code


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(work, range(count)))


def test_the_figures_are_of_all_workers(service: Service) -> None:
    url, _, folder = service
    before = figures(url)
    assert before["darkroom_worker_starts_total"] == {(): 2}
    assert together(40, lambda number: predict(url, number)) == [200] * 40
    files = [("pictures", encoded(picture(seed=seed))) for seed in range(5)]
    assert requests.post(url + "/predict_batch", files=files, timeout=60).status_code == 200
    assert requests.post(url + "/predict", files={"picture": b""}, timeout=60).status_code == 422
    assert requests.get(url + "/nothing", timeout=60).status_code == 404
    now = figures(url)

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
    assert more("darkroom_batch_pictures_sum") == 45
    assert more("darkroom_batch_pictures_count") == more("darkroom_model_seconds_count")
    assert 0 < more("darkroom_model_seconds_sum") < 60
    assert more("darkroom_rejected_total", "empty") == 1
    assert now["darkroom_requests_in_progress"] == {(): 1}, "the one that asks"
    assert now["darkroom_waiting_pictures"] == {(): 0}
    eventually(
        lambda: figure(url, "darkroom_log_lines_total") == sum(now["darkroom_predictions_total"].values()),
        "all is logged",
    )
    assert len(list(read_predictions(folder))) == sum(now["darkroom_predictions_total"].values())


def test_the_model_is_named(service: Service) -> None:
    url = service[0]
    about = requests.get(url + "/model", timeout=30).json()
    labels = ("watched", about["precision"], about["sha256"][:12], "3")
    assert figures(url)["darkroom_model_info"] == {labels: 1}


def test_after_a_kill_nothing_is_forgotten_and_nothing_counts_for_ever(service: Service) -> None:
    url, process, folder = service
    with ThreadPoolExecutor(8) as pool:
        files = [("pictures", encoded(picture(seed=seed))) for seed in range(64)]
        held = [
            pool.submit(requests.post, url + "/predict_batch", files=files, timeout=120) for _ in range(8)
        ]
        eventually(lambda: figure(url, "darkroom_waiting_pictures") >= 128, "both workers have work")
        before = figures(url)
        assert before["darkroom_requests_in_progress"][()] > 2
        victim, _ = workers(process)
        victim.send_signal(signal.SIGKILL)
        answered = [work for work in held if work.exception() is None]
    for work in answered:
        assert work.result().status_code == 200
    assert len(answered) < len(held), "somebody's answer died with the worker"
    eventually(lambda: figure(url, "darkroom_workers") == 2, "another worker took its place")
    now = figures(url)
    assert victim.pid not in {worker.pid for worker in workers(process)}
    assert now["darkroom_worker_starts_total"] == {(): 3}
    assert now["darkroom_requests_in_progress"] == {(): 1}
    assert now["darkroom_waiting_pictures"] == {(): 0}
    for name in ("darkroom_predictions_total", "darkroom_requests_total", "darkroom_request_seconds_count"):
        for labels, count in before[name].items():
            assert now[name][labels] >= count, (name, labels)
    total = sum(now["darkroom_predictions_total"].values())
    lines = now["darkroom_log_lines_total"][()]
    assert predict(url) == 200
    assert sum(figures(url)["darkroom_predictions_total"].values()) == total + 1
    eventually(lambda: figure(url, "darkroom_log_lines_total") > lines, "the log goes on")
    for line in read_predictions(folder):
        assert line["model"] == {"name": "watched", "version": "3"}


def send(url: str, pictures: Sequence[NDArray[np.uint8]]) -> None:
    def batch(start: int) -> int:
        files = [("pictures", encoded(pixels)) for pixels in pictures[start : start + 50]]
        return requests.post(url + "/predict_batch", files=files, timeout=120).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(batch, range(0, len(pictures), 50))) == {200}


def test_a_shift_is_noticed_over_all_workers_and_none_is_not(service: Service) -> None:
    url = service[0]
    before = figure(url, "darkroom_log_lines_total")
    send(url, [picture(seed=seed) for seed in range(525)])  # what other tests sent leaves the window
    eventually(lambda: figure(url, "darkroom_log_lines_total") >= before + 525, "all were looked at")
    now = figures(url)
    assert now["darkroom_drift_pictures"] == {(): 500}
    assert now["darkroom_drift"][()] == max(now["darkroom_drift_score"].values()) < 1
    send(url, [np.clip(picture(seed=seed).astype(int) + 40, 0, 255).astype(np.uint8) for seed in range(250)])
    eventually(lambda: figure(url, "darkroom_drift") >= 1, "brighter pictures are noticed", seconds=20)
    assert figure(url, "darkroom_drift_score", "brightness") >= 1
    assert figure(url, "darkroom_drift_pictures") == 500


def test_two_services_of_one_home_keep_their_figures_apart(service: Service) -> None:
    """BentoML empties the folder for figures when the second starts; a rolling change has both."""
    url, before = service[0], sum(figures(service[0])["darkroom_predictions_total"].values())
    assert before > 0
    with serving(*bento_of("watched")[:2]) as (second, _):
        assert sum(figures(second)["darkroom_predictions_total"].values()) == 0
        assert predict(second) == 200
        assert figure(url, "darkroom_workers") == 2
        assert sum(figures(url)["darkroom_predictions_total"].values()) == before
        assert figure(second, "darkroom_workers") == 1
