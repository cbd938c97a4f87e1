"""The files beside the exported graph that the service reads: model.json and reference.json."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from darkroom.data.splits import Meta, Split
from darkroom.files import sha256_file, write_json
from darkroom.serving.monitoring.reference_building import MIN_REFERENCE_IMAGES, build_reference
from darkroom.serving.monitoring.reference_file import reference_to_json
from darkroom.serving.prediction.runtime import Graph

REFERENCE_IMAGES = 5000  # at most


def model_description(
    graph: Path,
    meta: Meta,
    *,
    config: Mapping[str, Any],
    calibration: Mapping[str, Any],
    test: Mapping[str, Any],
    precision: str,
    parameters: int,
) -> dict[str, Any]:
    """Return what model.json states about the graph.

    Args:
        graph: the exported graph.
        meta: of the data set.
        config: models/model_config.json.
        calibration: models/calibration.json.
        test: the section `test` of reports/metrics.json.
        precision: in which the graph is served.
        parameters: how many weights the classifier has.
    """
    fitted: dict[str, Any] = {"temperature": calibration.get("temperature")}
    if "one_view" in calibration:
        fitted["one_view"] = dict(calibration["one_view"])
    figures: dict[str, Any] = {"accuracy": test["accuracy"]}
    if meta.several:
        fitted = {"labels": "several", "thresholds": list(calibration["thresholds"])}
        fitted["uncertain"] = list(calibration["uncertain"])
        names = ("average_precision", "average_precision_low", "average_precision_high", "of1", "image_f1")
        figures |= {name: test[name] for name in names}
    return {
        "name": meta.name,
        "classes": list(meta.classes),
        "height": meta.height,
        "width": meta.width,
        "channels": meta.channels,
        "fit": config.get("fit", "crop"),
        "architecture": config["architecture"],
        "views": config["views"],
        **fitted,
        "confident_from": calibration["confident_from"],
        "precision": precision,
        "sha256": sha256_file(graph),
        "parameters": parameters,
        "test": {
            **figures,
            "interval": [test["accuracy_low"], test["accuracy_high"]],
            "images": test["images"],
        },
    }


def write_reference(
    graph: Path,
    split: Split,
    *,
    classes: Sequence[str],
    precision: str,
    held_out: bool,
    seed: int,
    given_from: Sequence[float] | None = None,
) -> str:
    """Write reference.json beside the graph, from which the service measures drift; return a line on it.

    Args:
        graph: the exported graph.
        split: the validation images; `REFERENCE_IMAGES` of them at most are used, drawn by `seed`.
        classes: names of the classes.
        precision: in which the graph is served.
        held_out: whether the classifier was not trained on the validation images.
        seed: draws the images.
        given_from: of several labels, the probability from which an image is given each.

    Of fewer than `MIN_REFERENCE_IMAGES` images no reference is written, and one that exists is removed.
    """
    path = graph.with_name("reference.json")
    path.unlink(missing_ok=True)
    if len(split) < MIN_REFERENCE_IMAGES:
        return (
            f"no reference for drift: {len(split)} validation images are too few (of {MIN_REFERENCE_IMAGES})"
        )
    chosen = np.sort(np.random.default_rng(seed).permutation(len(split))[:REFERENCE_IMAGES])
    images = np.asarray(split.images[chosen])
    predictions = Graph(graph.read_bytes(), precision=precision).explain(images)  # as served
    reference = build_reference(
        images,
        predictions,
        classes=classes,
        sha256=sha256_file(graph),
        held_out=held_out,
        seed=seed,
        given_from=given_from,
    )
    write_json(path, reference_to_json(reference))
    return f"drift is measured against {len(images):,} validation images: {', '.join(reference.statistics)}"
