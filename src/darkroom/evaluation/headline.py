"""The headline numbers of a test set: every metric with its interval, as a tree for metrics.json."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.intervals import bootstrap_interval
from darkroom.evaluation.metrics import Metric, with_top_k
from darkroom.evaluation.probabilities import checked_probabilities


def classification_metrics(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    classes: Sequence[str],
    top_k: int,
    resamples: int = 1000,
) -> dict[str, Any]:
    """Return the headline numbers of a test set, ready for JSON.

    The predicted class is the most probable one, the first of them on a tie.

    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2]], dtype=np.float32)
    >>> numbers = classification_metrics(probabilities, np.array([0, 1]), classes=["cat", "dog"], top_k=1)
    >>> numbers["images"], numbers["accuracy"], numbers["macro"]["recall"]
    (2, 0.5, 0.5)

    Args:
        probabilities: float [N,K], each row summing to 1.
        labels: integers [N] within 0..K-1.
        classes: the K names.
        top_k: an image counts as correct in `top_<top_k>_accuracy` when its class is among this many most
            probable ones; from K on, where every image does, that metric is left out.
        resamples: of the bootstrap.

    Returns:
        `images` and every metric of `darkroom.evaluation.metrics` by its name: `loss` (mean cross-entropy
        in nats), `accuracy`, `top_<top_k>_accuracy`, and `macro` and `weighted` (by images), each a tree
        of `precision`, `recall` and `f1`; shares lie within 0..1. Beside a metric with an interval stand
        `<name>_low` and `<name>_high` (95 %): Wilson's for the accuracies, bootstrapped for the others.

    Raises:
        ValueError: the arrays do not fit together or hold impossible values, or `top_k` is below 1.
    """
    metrics, intervals = with_top_k(top_k)
    checked, labels = checked_probabilities(probabilities, labels, classes)
    numbers: dict[str, Any] = {"images": len(labels)}
    for path, metric in metrics.items():
        if path == f"top_{top_k}_accuracy" and top_k >= len(classes):
            continue
        *levels, name = path.split(".")
        tree = numbers
        for level in levels:
            tree = tree.setdefault(level, {})
        tree[name] = metric(checked, labels)
        interval = intervals.get(path, _bootstrapped(metric))
        if interval is not None:
            tree[f"{name}_low"], tree[f"{name}_high"] = interval(checked, labels, resamples)
    return numbers


def _bootstrapped(
    metric: Metric,
) -> Callable[[NDArray[np.float64], NDArray[np.int64], int], tuple[float, float]]:
    """Return the interval of a metric that has none of its own: from its value on every resample."""

    def interval(
        probabilities: NDArray[np.float64], labels: NDArray[np.int64], resamples: int
    ) -> tuple[float, float]:
        return bootstrap_interval(
            lambda drawn: metric(probabilities[drawn], labels[drawn]), len(labels), resamples
        )

    return interval
