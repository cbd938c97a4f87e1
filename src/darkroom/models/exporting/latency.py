"""The time that the exported graph takes for one image."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from darkroom.data.splits import Split
from darkroom.serving.prediction.runtime import Graph

WARM_UP = 10  # runs that are not counted
MOST_SECONDS = 20.0  # of measuring, after which a slow graph has been timed often enough


def latency(graph: Path, split: Split, *, precision: str = "fp32", repeats: int = 100) -> dict[str, Any]:
    """Time the exported graph on single images of `split`, one after another, on this machine's CPU.

    It runs as in a worker of the service: in `precision`, on one thread. Returns `median_milliseconds` and
    `p95_milliseconds` of `repeats` runs, and their number `runs`; of a slow graph those of `MOST_SECONDS`, at
    least one.
    """
    served = Graph(graph.read_bytes(), precision=precision, threads=1)
    milliseconds = []
    for run in range(WARM_UP + repeats):
        image = np.ascontiguousarray(split.images[run % len(split)][None])
        started = time.perf_counter()
        served.run(image)
        milliseconds.append(1000 * (time.perf_counter() - started))
        if sum(milliseconds) > 1000 * MOST_SECONDS:
            break
    counted = milliseconds[WARM_UP:] or milliseconds[-1:]
    median, high = np.quantile(counted, [0.5, 0.95])
    return {"median_milliseconds": float(median), "p95_milliseconds": float(high), "runs": len(counted)}
