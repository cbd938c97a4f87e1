"""Parity: the exported graph must give the probabilities and heat maps that torch gives."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from darkroom.data.splits import Split
from darkroom.machine import threads_for_libraries
from darkroom.models.classifier import Classifier, parts_of
from darkroom.models.heatmaps import NEAR, ClassifierWithHeatMaps, with_heat_maps
from darkroom.models.inference import pixels_of, predict, prediction_batch
from darkroom.models.one_view import OneView
from darkroom.serving.prediction.runtime import Graph
from darkroom.serving.prediction.views import ONE_VIEW, WEIGHT, blend

PARITY_BATCHES = (1, 7, 64)  # one image, an odd number, a full batch: the graph must accept all of them
# (of large images no more than are predicted at once)
HEAT_IMAGES = 128  # whose heat maps are compared, at once

# Images uint8 [B,H,W,C] to probabilities float32 [B,classes].
Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def parity(classifier: Classifier, graph: Path, split: Split, *, tolerance: float) -> dict[str, Any]:
    """Compare the exported graph with torch on the images of `split`, in fp32, at several batch sizes.

    Two runtimes run it: the one that serves, and ONNX Runtime, so that the graph is correct in general. Heat
    maps, where the net has them, are compared on the first `HEAT_IMAGES` images.

    Raises ValueError when a probability differs by more than `tolerance`, or a heat map on average by
    more than that over `NEAR`.
    """
    expected = predict(classifier, split, device=torch.device("cpu"), by_torch=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = (
        threads_for_libraries()
    )  # ONNX Runtime does not see the quota of a container
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    served = Graph(graph.read_bytes())
    runtimes: dict[str, Run] = {
        "ONNX Runtime": lambda images: answer(session, images, "probabilities"),
        "OpenVINO": served.run,
    }
    most = prediction_batch(torch.device("cpu"), pixels=pixels_of(split))
    batches = sorted({min(batch, most) for batch in PARITY_BATCHES})
    worst, agree = 0.0, 1.0
    for name, run in runtimes.items():
        for batch in batches:
            probabilities = probabilities_of(run, split, batch=batch)
            difference = np.abs(probabilities - expected).max()
            worst = float(np.maximum(worst, difference))  # max() would ignore NaN
            agree = min(agree, float(np.mean(predicted(probabilities, split) == predicted(expected, split))))
            if not worst <= tolerance:
                raise ValueError(
                    f"the exported graph's probabilities on {name} differ from torch's by up to {worst:.2g}, "
                    f"more than export.tolerance={tolerance:g}"
                )
    report = {
        "images": len(split),
        "batch_sizes": batches,
        "worst_difference": worst,
        "same_class": agree,
        "tolerance": tolerance,
    }
    height, width = split.images.shape[1:3]
    parts = (classifier,) if classifier.one_view is None else parts_of(classifier)
    with_heat = [made for part in parts if (made := with_heat_maps(part, height=height, width=width))]
    if with_heat:
        images = np.array(split.images[: min(HEAT_IMAGES, most)])  # torch requires writable memory
        heat_difference = _heat_difference(with_heat, classifier.one_view, session, served, images)
        report["heat_difference"] = heat_difference
        # between two places that share a maximum, rounding errors are that much larger
        allowed = tolerance / NEAR
        if not heat_difference <= allowed:
            raise ValueError(
                f"the exported graph's heat maps differ from torch's by {heat_difference:.2g} on average, "
                f"more than {allowed:g}, which export.tolerance={tolerance:g} allows"
            )
    return report


def answer(
    session: onnxruntime.InferenceSession, images: NDArray[np.uint8], name: str
) -> NDArray[np.float32]:
    """Return an output of the exported graph on ONNX Runtime, from one view where that is enough."""
    if WEIGHT not in {output.name for output in session.get_outputs()}:
        return np.asarray(session.run([name], {"images": images})[0])
    one, every, weight = session.run([ONE_VIEW + name, name, WEIGHT], {"images": images})
    return blend(one, every, weight)


def predicted(probabilities: NDArray[np.float32], split: Split) -> NDArray[Any]:
    """Return the most probable class of each image, [N]; of several labels which are above 0.5, [N,L]."""
    return np.asarray(probabilities >= 0.5 if split.several else probabilities.argmax(1))


@torch.inference_mode()
def _heat_difference(
    with_heat: Sequence[ClassifierWithHeatMaps],
    rule: OneView | None,
    session: onnxruntime.InferenceSession,
    served: Graph,
    images: NDArray[np.uint8],
) -> float:
    """Return the largest mean difference of a class's heat map from torch's, in logits.

    `with_heat` are torch's classifiers: by all views and, with a `rule` for when that is enough, by one view.
    """
    maps = [each.eval()(torch.from_numpy(images)) for each in with_heat]
    expected = maps[0][1].numpy()
    if rule is not None:
        probabilities, of_one = maps[1]
        expected = blend(of_one.numpy(), expected, rule.weight(probabilities).numpy())
    runtimes = (answer(session, images, "heat"), np.asarray(served.explain(images).heat))
    differences = [float(np.abs(each - expected).mean(axis=(2, 3)).max()) for each in runtimes]
    return float(np.max(differences))  # max() would ignore NaN


def probabilities_of(run: Run, split: Split, *, batch: int) -> NDArray[np.float32]:
    """Return the probabilities float32 [N,classes] of a split, by `run` on `batch` images at a time."""
    starts = range(0, len(split), batch)
    return np.concatenate([run(np.ascontiguousarray(split.images[i : i + batch])) for i in starts])
