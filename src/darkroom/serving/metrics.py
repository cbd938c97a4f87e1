"""The metrics of the service; `/metrics` reports those of all workers, and docs/monitoring.md lists them.

Each worker keeps its values in the folder that all workers share. Counters of a worker that died stay in the
sum; gauges count living workers only.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import prometheus_client
import prometheus_client.multiprocess
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.registry import Collector

from .shared_folder import VARIABLE, is_alive, take_space_for_metrics

SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5)
LONG_BUCKETS = (*SECONDS_BUCKETS, 10, 30, 60)  # of whole requests: their clients may be slow
SHARE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
STATUSES = ("2xx", "3xx", "4xx", "5xx", "none")  # none: the client disconnected before the response

REQUESTS = Counter(
    "darkroom_requests", "Requests that ended, by route and class of status", ["route", "status"]
)
REQUEST_SECONDS = Histogram(
    "darkroom_request_seconds",
    "From the headers of a request to the end of its response, by route",
    ["route"],
    buckets=LONG_BUCKETS,
)
IN_PROGRESS = Gauge("darkroom_requests_in_progress", "Requests in progress", multiprocess_mode="livesum")
SECONDS = Histogram(
    "darkroom_prediction_seconds",
    "From the received bytes to the probabilities, by route",
    ["route"],
    buckets=SECONDS_BUCKETS,
)
DECODE_SECONDS = Histogram(
    "darkroom_decode_seconds",
    "Decoding of a request's images, including the wait for it",
    buckets=SECONDS_BUCKETS,
)
DECODER_MESSAGES = Counter(
    "darkroom_decoder_messages", "What decoders said of damaged images; none of it reaches the log"
)
MODEL_SECONDS = Histogram("darkroom_model_seconds", "Inference on one batch", buckets=SECONDS_BUCKETS)
BATCH_IMAGES = Histogram(
    "darkroom_batch_images", "Images in one batch of the model", buckets=(1, 2, 4, 8, 16, 32, 64)
)
WAITING = Gauge(
    "darkroom_waiting_images", "Images accepted and not predicted yet", multiprocess_mode="livesum"
)
PREDICTIONS = Counter(
    "darkroom_predictions",
    "Images classified, by the most probable class; of several labels, by each that an image is said to have",
    ["class"],
)
CONFIDENCE = Histogram("darkroom_confidence", "Probability of the most probable class", buckets=SHARE_BUCKETS)
UNCERTAIN = Counter(
    "darkroom_uncertain",
    "Predictions below the confidence threshold, by the most probable class; of several labels, decisions "
    "near a label's threshold",
    ["class"],
)
REJECTED = Counter("darkroom_rejected", "Requests refused, by reason", ["reason"])
FEEDBACK = Counter("darkroom_feedback", "Feedback kept, by the predicted class", ["class"])
MODEL = Gauge(
    "darkroom_model_info",
    "The model that is served: always 1",
    ["name", "version", "precision", "sha256"],
    multiprocess_mode="livemax",
)
WORKERS = Gauge("darkroom_workers", "Living workers", multiprocess_mode="livesum")
WORKER_STARTS = Counter("darkroom_worker_starts", "Workers started; more than are living: some died")
LOGGED = Counter("darkroom_log_lines", "Predictions written to the prediction log")
LOG_DROPPED = Counter(
    "darkroom_log_dropped", "Predictions that the prediction log or the monitor left out", ["reason"]
)
DROP_REASONS = ("busy", "disk", "error")


class ServedModel(Protocol):
    """What the metrics need to know of the model that is served; `prediction.model.Classifier` has it."""

    name: str
    version: str
    precision: str
    about: dict[str, Any]
    classes: list[str]
    confident_from: float | None
    thresholds: Any


def start_worker(model: ServedModel, *, routes: Iterable[str]) -> None:
    """Count this worker and its model; start the counters of all known labels at 0.

    A counter that first appears with its first event would hide that event from Prometheus' `rate`. Raises
    OSError where the disk has no room for the metrics.
    """
    for route in routes:
        REQUEST_SECONDS.labels(route)
        for status in STATUSES:
            REQUESTS.labels(route, status)
    for name in model.classes:
        PREDICTIONS.labels(name)
        if model.confident_from is not None or model.thresholds is not None:
            UNCERTAIN.labels(name)
    for reason in DROP_REASONS:
        LOG_DROPPED.labels(reason)
    sha256 = str(model.about["sha256"])[:12]
    MODEL.labels(model.name, model.version, model.precision, sha256).set(1)
    WORKERS.set(1)
    WORKER_STARTS.inc()
    if shared := os.environ.get(VARIABLE):
        take_space_for_metrics(Path(shared))


def exposition(more: Iterable[Collector] = ()) -> bytes:
    """Return the metrics of all workers and those of the collectors `more` in Prometheus' text format."""
    shared = os.environ.get(VARIABLE)
    if not shared:
        registry = prometheus_client.REGISTRY
        return prometheus_client.generate_latest(registry) + _collected(more)
    forget_dead(Path(shared))
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return prometheus_client.generate_latest(registry) + _collected(more)


def _collected(more: Iterable[Collector]) -> bytes:
    registry = prometheus_client.CollectorRegistry()
    for collector in more:
        registry.register(collector)
    return prometheus_client.generate_latest(registry)


def forget_dead(folder: Path) -> None:
    """Remove the gauges of workers that died, which would otherwise count forever."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit() and not is_alive(int(pid)):
            path.unlink(missing_ok=True)
