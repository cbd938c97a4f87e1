"""The graph that is served: exported from torch once, and compared with it."""

import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from darkroom.files import atomic_write
from darkroom.inference import predict
from darkroom.models import Classifier
from darkroom.splits import Split

PARITY_BATCHES = (1, 7, 64)  # one picture, an odd number, a full batch: the graph must take them all


def export_onnx(classifier: Classifier, path: Path, *, height: int, width: int, channels: int) -> None:
    """Write `classifier` as ONNX: `pictures` uint8 [batch,H,W,C] to `probabilities` float32."""
    classifier.eval()
    example = torch.zeros(2, height, width, channels, dtype=torch.uint8)  # 2: an example of 1 fixes the batch
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # torch's exporter warns of its own internals (pytrees, opset translation); the parity report judges
        warnings.simplefilter("ignore")
        aside = Path(folder) / "model.onnx"
        torch.onnx.export(
            classifier,
            (example,),
            aside,
            input_names=["pictures"],
            output_names=["probabilities"],
            dynamic_shapes={"pictures": {0: torch.export.Dim("batch")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        with atomic_write(path) as file:
            file.write(aside.read_bytes())


def parity(classifier: Classifier, graph: Path, split: Split, *, tolerance: float) -> dict[str, Any]:
    """Compare the exported graph with torch on the pictures of `split`, in fp32, at several batch sizes.

    Raises ValueError when a probability differs by more than `tolerance`.
    """
    expected = predict(classifier, split, device=torch.device("cpu"))
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    worst, agree = 0.0, 1.0
    for batch in PARITY_BATCHES:
        parts = [
            session.run(
                ["probabilities"], {"pictures": np.ascontiguousarray(split.images[start : start + batch])}
            )[0]
            for start in range(0, len(split), batch)
        ]
        answers = np.concatenate(parts)
        worst = float(np.maximum(worst, np.abs(answers - expected).max()))  # max() would pass NaN over
        agree = min(agree, float(np.mean(answers.argmax(1) == expected.argmax(1))))
    if not worst <= tolerance:
        raise ValueError(
            f"the exported graph's probabilities differ from torch's by up to {worst:.2g}, "
            f"more than export.tolerance={tolerance:g}"
        )
    return {
        "pictures": len(split),
        "batch_sizes": list(PARITY_BATCHES),
        "worst_difference": worst,
        "same_class": agree,
        "tolerance": tolerance,
    }


def latency(graph: Path, split: Split, *, repeats: int = 100) -> dict[str, Any]:
    """Time the exported graph on single pictures of `split`, one after another, on this machine's CPU.

    Returns `median_milliseconds` and `p95_milliseconds` of `repeats` runs, after ten that do not count.
    """
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    took = []
    for run in range(repeats + 10):
        picture = np.ascontiguousarray(split.images[run % len(split)][None])
        started = time.perf_counter()
        session.run(["probabilities"], {"pictures": picture})
        took.append(1000 * (time.perf_counter() - started))
    median, high = np.quantile(took[10:], [0.5, 0.95])
    return {"median_milliseconds": float(median), "p95_milliseconds": float(high), "runs": repeats}
