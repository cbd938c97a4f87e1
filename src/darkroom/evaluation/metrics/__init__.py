"""The headline metrics, one file a metric or a family that shares its computation.

To add one, write a file with a function of probabilities and labels and give it a line in `METRICS`: it is
then in reports/metrics.json, in MLflow and on the model card. Not here: tables (`per_class`, `confusion`).
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.metrics.accuracy import accuracy, accuracy_interval
from darkroom.evaluation.metrics.balanced_accuracy import balanced_accuracy, balanced_accuracy_interval
from darkroom.evaluation.metrics.log_loss import log_loss, log_loss_interval
from darkroom.evaluation.metrics.precision_recall_f1 import (
    f1,
    f1_interval,
    precision,
    precision_interval,
    recall,
    recall_interval,
)
from darkroom.evaluation.metrics.top_k_accuracy import top_k_accuracy, top_k_accuracy_interval

# of probabilities float64 [N,K], each row summing to 1, and labels int64 [N]; both were checked
Metric = Callable[[NDArray[np.float64], NDArray[np.int64]], float]
# of the same and the number of resamples: the 95 % interval (low, high)
Interval = Callable[[NDArray[np.float64], NDArray[np.int64], int], tuple[float, float]]

METRICS: dict[str, Metric] = {  # a dot in a name opens a level in metrics.json
    "loss": log_loss,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro.precision": partial(precision, average="macro"),
    "macro.recall": partial(recall, average="macro"),
    "macro.f1": partial(f1, average="macro"),
    "weighted.precision": partial(precision, average="weighted"),
    "weighted.recall": partial(recall, average="weighted"),
    "weighted.f1": partial(f1, average="weighted"),
}

# A metric that is not here is bootstrapped by calling it on every resample. None: no interval is computed.
INTERVALS: dict[str, Interval | None] = {
    "loss": log_loss_interval,
    "accuracy": accuracy_interval,
    "balanced_accuracy": balanced_accuracy_interval,
    "macro.precision": partial(precision_interval, average="macro"),
    "macro.recall": partial(recall_interval, average="macro"),
    "macro.f1": partial(f1_interval, average="macro"),
    "weighted.precision": None,
    "weighted.recall": None,
    "weighted.f1": partial(f1_interval, average="weighted"),
}


def with_top_k(k: int) -> tuple[dict[str, Metric], dict[str, Interval | None]]:
    """Return `METRICS` and `INTERVALS` with the accuracy among the `k` most probable classes.

    >>> list(with_top_k(3)[0])[:3]
    ['loss', 'accuracy', 'top_3_accuracy']

    Raises:
        ValueError: `k` is below 1.
    """
    if k < 1:
        raise ValueError(f"top_k must be 1 or more, got {k}")
    name = f"top_{k}_accuracy"
    first = {key: METRICS[key] for key in ("loss", "accuracy")}
    return (
        {**first, name: partial(top_k_accuracy, k=k), **METRICS},
        {**INTERVALS, name: partial(top_k_accuracy_interval, k=k)},
    )
