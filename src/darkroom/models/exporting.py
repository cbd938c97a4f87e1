"""The graph that is served: exported from torch once, and compared with it."""

import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from darkroom.data.splits import Split
from darkroom.files import atomic_write
from darkroom.models.classifier import Classifier
from darkroom.models.embedding import Embedded
from darkroom.models.heatmaps import NEAR, Explained, explained
from darkroom.models.inference import predict
from darkroom.serving.prediction.runtime import Graph, computes_in_bf16

PARITY_BATCHES = (1, 7, 64)  # one image, an odd number, a full batch: the graph must take them all
HEAT_IMAGES = 128  # whose heat maps are compared


def export_onnx(classifier: Classifier, path: Path, *, height: int, width: int, channels: int) -> None:
    """Write `classifier` as ONNX: `images` uint8 [batch,H,W,C] to `probabilities` float32 [batch,classes].

    A net that has heat maps (see `heatmaps`) gives them as a second output, `heat`. The last output is
    `embedding` (see `embedding`).
    """
    with_heat = explained(classifier, height=height, width=width)
    model = Embedded(with_heat or classifier).eval()
    example = torch.zeros(2, height, width, channels, dtype=torch.uint8)  # 2: an example of 1 fixes the batch
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # torch's exporter warns of its own internals (pytrees, opset translation); the parity report judges
        warnings.simplefilter("ignore")
        aside = Path(folder) / "model.onnx"
        torch.onnx.export(
            model,
            (example,),
            aside,
            input_names=["images"],
            output_names=["probabilities", *(["heat"] if with_heat else []), "embedding"],
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        with atomic_write(path) as file:
            file.write(aside.read_bytes())


def parity(classifier: Classifier, graph: Path, split: Split, *, tolerance: float) -> dict[str, Any]:
    """Compare the exported graph with torch on the images of `split`, in fp32, at several batch sizes.

    Two runtimes answer: the one that serves, and ONNX Runtime, so that the graph is right whoever runs it.
    Of the heat maps, where the net has them, the first `HEAT_IMAGES` images' are compared.

    Raises ValueError when a probability differs by more than `tolerance`, or a heat map on average by
    more than that over `NEAR`.
    """
    expected = predict(classifier, split, device=torch.device("cpu"))
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    served = Graph(graph.read_bytes())
    runtimes: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.float32]]] = {
        "ONNX Runtime": lambda images: session.run(["probabilities"], {"images": images})[0],
        "OpenVINO": served.run,
    }
    worst, agree = 0.0, 1.0
    for name, run in runtimes.items():
        for batch in PARITY_BATCHES:
            answers = _answers(run, split, batch)
            worst = float(np.maximum(worst, np.abs(answers - expected).max()))  # max() would pass NaN over
            agree = min(agree, float(np.mean(answers.argmax(1) == expected.argmax(1))))
            if not worst <= tolerance:
                raise ValueError(
                    f"the exported graph's probabilities on {name} differ from torch's by up to {worst:.2g}, "
                    f"more than export.tolerance={tolerance:g}"
                )
    report = {
        "images": len(split),
        "batch_sizes": list(PARITY_BATCHES),
        "worst_difference": worst,
        "same_class": agree,
        "tolerance": tolerance,
    }
    if with_heat := explained(classifier, height=split.images.shape[1], width=split.images.shape[2]):
        images = np.array(split.images[:HEAT_IMAGES])  # torch wants memory that can be written
        report["heat_difference"] = difference = _heat_difference(with_heat, session, served, images)
        allowed = tolerance / NEAR  # where two places share a maximum, a rounding counts for so much more
        if not difference <= allowed:
            raise ValueError(
                f"the exported graph's heat maps differ from torch's by {difference:.2g} on average, more "
                f"than {allowed:g}, which export.tolerance={tolerance:g} allows"
            )
    return report


@torch.inference_mode()
def _heat_difference(
    with_heat: Explained, session: onnxruntime.InferenceSession, served: Graph, images: NDArray[np.uint8]
) -> float:
    """Return the largest mean difference of a class's heat map from torch's, in logits."""
    _, expected = (answer.numpy() for answer in with_heat.eval()(torch.from_numpy(images)))
    answers = (session.run(["heat"], {"images": images})[0], served.explain(images)[1])
    differences = [float(np.abs(answer - expected).mean(axis=(2, 3)).max()) for answer in answers]
    return float(np.max(differences))  # max() would pass NaN over


def reduced_parity(graph: Path, split: Split) -> dict[str, Any] | None:
    """Compare the exported graph in bf16 with itself in fp32, on the images of `split`, as served.

    Returns `same_class`, the share of images that keep their most probable class; `mean_difference`,
    the mean over the images of how far their most changed probability moved, and `worst_difference`,
    the largest of those; and `accuracy_change`. None where this machine does not compute in bf16.
    """
    if not computes_in_bf16():
        return None
    content = graph.read_bytes()
    full, reduced = (
        _answers(Graph(content, precision=precision).run, split, max(PARITY_BATCHES))
        for precision in ("fp32", "bf16")
    )
    moved = np.abs(full - reduced).max(axis=1)
    right, still_right = (answers.argmax(1) == split.labels for answers in (full, reduced))
    return {
        "same_class": float(np.mean(full.argmax(1) == reduced.argmax(1))),
        "mean_difference": float(moved.mean()),
        "worst_difference": float(moved.max()),
        "accuracy_change": float(still_right.mean() - right.mean()),
    }


def choose_served_precision(
    name: str, report: Mapping[str, Any] | None, *, same_class: float, difference: float
) -> tuple[str, str]:
    """Return the precision to serve in for `auto`, `bf16` or `fp32`, and why.

    Args:
        name: as params.yaml has it.
        report: of `reduced_parity`.
        same_class: the smallest share of images that must keep their class in bf16.
        difference: the largest `mean_difference` allowed in bf16.

    Raises:
        ValueError: bf16 is asked for, but out of bounds or not to be measured here.
    """
    if name == "fp32":
        return "fp32", "fp32: as params.yaml says"
    if report is None:
        why = "this machine does not compute in bf16, so its parity cannot be measured"
    elif not (report["same_class"] >= same_class and report["mean_difference"] <= difference):
        why = (
            f"in bf16 {report['same_class']:.2%} of the images keep their class (export.bf16_same_class="
            f"{same_class:g}) and probabilities move by {report['mean_difference']:.2g} on average "
            f"(export.bf16_difference={difference:g})"
        )
    else:
        return "bf16", (
            f"bf16: {report['same_class']:.2%} of the images keep their class and probabilities move by "
            f"{report['mean_difference']:.2g} on average"
        )
    if name == "bf16":
        raise ValueError(f"export.precision is bf16, but {why}: set export.precision=auto or fp32")
    return "fp32", f"fp32: {why}"


def latency(graph: Path, split: Split, *, precision: str = "fp32", repeats: int = 100) -> dict[str, Any]:
    """Time the exported graph on single images of `split`, one after another, on this machine's CPU.

    It runs as in a worker of the service: in `precision`, on one thread.

    Returns `median_milliseconds` and `p95_milliseconds` of `repeats` runs, after ten that do not count.
    """
    served = Graph(graph.read_bytes(), precision=precision, threads=1)
    took = []
    for run in range(repeats + 10):
        image = np.ascontiguousarray(split.images[run % len(split)][None])
        started = time.perf_counter()
        served.run(image)
        took.append(1000 * (time.perf_counter() - started))
    median, high = np.quantile(took[10:], [0.5, 0.95])
    return {"median_milliseconds": float(median), "p95_milliseconds": float(high), "runs": repeats}


def _answers(
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]], split: Split, batch: int
) -> NDArray[np.float32]:
    starts = range(0, len(split), batch)
    return np.concatenate([run(np.ascontiguousarray(split.images[i : i + batch])) for i in starts])
