"""The precision in which the exported graph is served: bf16 only where its probabilities hardly change."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from darkroom.data.splits import Split
from darkroom.models.exporting.parity import predicted, probabilities_of
from darkroom.serving.prediction.runtime import Graph, computes_in_bf16

BATCH = 64  # images; the graph takes them in batches of its own


def reduced_parity(graph: Path, split: Split) -> dict[str, Any] | None:
    """Compare the exported graph in bf16 with itself in fp32, on the images of `split`, as served.

    Returns `same_class`, the share of images that keep their most probable class (of several labels, of
    answers that stay on their side of 0.5); `mean_difference`, the
    change of an image's most changed probability, averaged over the images; `worst_difference`, the largest
    of those changes; and `accuracy_change`. None where this machine does not compute in bf16.
    """
    if not computes_in_bf16():
        return None
    content = graph.read_bytes()
    full, reduced = (
        probabilities_of(Graph(content, precision=precision).run, split, batch=BATCH)
        for precision in ("fp32", "bf16")
    )
    moved = np.abs(full - reduced).max(axis=1)
    correct, still_correct = (predicted(each, split) == split.labels for each in (full, reduced))
    return {
        "same_class": float(np.mean(predicted(full, split) == predicted(reduced, split))),
        "mean_difference": float(moved.mean()),
        "worst_difference": float(moved.max()),
        "accuracy_change": float(still_correct.mean() - correct.mean()),
    }


def choose_served_precision(
    name: str, report: Mapping[str, Any] | None, *, same_class: float, difference: float
) -> tuple[str, str]:
    """Return the precision to serve in, `bf16` or `fp32`, and why.

    Args:
        name: `export.precision` of params.yaml: `auto`, `bf16` or `fp32`.
        report: what `reduced_parity` returned.
        same_class: the smallest share of images that must keep their class in bf16, or of answers where
            an image has several labels.
        difference: the largest `mean_difference` allowed in bf16.

    Raises:
        ValueError: `name` is bf16, which is out of bounds or cannot be measured here.

    >>> report = {"same_class": 0.999, "mean_difference": 0.002}
    >>> choose_served_precision("auto", report, same_class=0.995, difference=0.01)[0]
    'bf16'
    >>> choose_served_precision("auto", None, same_class=0.995, difference=0.01)[0]
    'fp32'
    """
    if name == "fp32":
        return "fp32", "fp32: set in params.yaml"
    if report is None:
        why = "this machine does not compute in bf16, so its parity cannot be measured"
    elif not (report["same_class"] >= same_class and report["mean_difference"] <= difference):
        why = (
            f"in bf16 {report['same_class']:.2%} of the predictions stay the same (export.bf16_same_class="
            f"{same_class:g}) and probabilities move by {report['mean_difference']:.2g} on average "
            f"(export.bf16_difference={difference:g})"
        )
    else:
        return "bf16", (
            f"bf16: {report['same_class']:.2%} of the predictions stay the same and probabilities move by "
            f"{report['mean_difference']:.2g} on average"
        )
    if name == "bf16":
        raise ValueError(f"export.precision is bf16, but {why}: set export.precision=auto or fp32")
    return "fp32", f"fp32: {why}"
