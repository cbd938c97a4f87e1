"""The metrics of a running service, and requests that change them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import requests
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.serving import encoded, random_image

Metrics = dict[str, dict[tuple[str, ...], float]]  # by name, by the values of the labels


def metrics(url: str) -> Metrics:
    """Return what /metrics reports: by name, by the values of the labels, sorted by the labels' names."""
    found: Metrics = {}
    for family in text_string_to_metric_families(requests.get(url + "/metrics", timeout=30).text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            assert labels not in found.setdefault(sample.name, {}), f"{sample.name} {labels} occurs twice"
            found[sample.name][labels] = sample.value
    return found


def metric(url: str, name: str, *labels: str) -> float:
    """Return one value; 0 if it does not exist."""
    return metrics(url).get(name, {}).get(labels, 0.0)


def predict(url: str, seed: int = 1) -> int:
    """Predict one image; return the status."""
    files = {"image": encoded(random_image(seed=seed))}
    return requests.post(url + "/predict", files=files, timeout=60).status_code


def send(url: str, images: Sequence[NDArray[np.uint8]]) -> None:
    """Predict images in batches of 50, four batches at a time."""

    def batch(start: int) -> int:
        files = [("images", encoded(pixels)) for pixels in images[start : start + 50]]
        return requests.post(url + "/predict_batch", files=files, timeout=120).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(batch, range(0, len(images), 50))) == {200}
