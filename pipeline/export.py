"""Export the graph that is served, compare it with torch, and note what usual images are like to it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from darkroom.data.splits import open_split, read_meta
from darkroom.files import read_json, sha256_file, write_json
from darkroom.models.classifier import load_classifier
from darkroom.models.exporting.latency import latency
from darkroom.models.exporting.onnx_graph import export_onnx
from darkroom.models.exporting.parity import parity
from darkroom.models.exporting.served_precision import choose_served_precision, reduced_parity
from darkroom.serving.monitoring.drift import LEAST_IMAGES, make_reference
from darkroom.serving.prediction.runtime import Graph
from darkroom.tracking import runs
from darkroom.tracking.trained_run import trained_run
from pipeline import CALIBRATION, DATA, MODELS, REPORTS, read_params, tracking_uri

PARITY_IMAGES = 1000
REFERENCE_IMAGES = 5000


def main() -> None:
    """Run the stage."""
    params = read_params()
    meta = read_meta(DATA / "meta.json")
    config = read_json(MODELS / "model_config.json")
    classifier = load_classifier(MODELS / "model.safetensors", MODELS / "model_config.json", CALIBRATION)
    graph = MODELS / "exported" / "model.onnx"
    export_onnx(classifier, graph, height=meta.height, width=meta.width, channels=meta.channels)
    validation = open_split(DATA / "validation").first(PARITY_IMAGES)
    report = parity(classifier, graph, validation, tolerance=params.export.tolerance)
    reduced = reduced_parity(graph, validation)
    precision, why = choose_served_precision(
        params.export.precision,
        reduced,
        same_class=params.export.bf16_same_class,
        difference=params.export.bf16_difference,
    )
    report |= {"precision": precision} | ({"bf16": reduced} if reduced else {})
    write_json(REPORTS / "parity.json", report)
    took = latency(graph, validation, precision=precision)
    write_json(REPORTS / "latency.json", took)
    shutil.copyfile(REPORTS / "model_card.html", MODELS / "exported" / "card.html")
    test, calibration = read_json(REPORTS / "metrics.json")["test"], read_json(CALIBRATION)
    told = write_reference(graph, precision, meta.classes, held_out=calibration["held_out"], seed=params.seed)
    write_json(
        MODELS / "exported" / "model.json",
        {
            "name": meta.name,
            "classes": list(meta.classes),
            "height": meta.height,
            "width": meta.width,
            "channels": meta.channels,
            "architecture": config["architecture"],
            "views": config["views"],
            "temperature": calibration["temperature"],
            "confident_from": calibration["confident_from"],
            "precision": precision,
            "sha256": sha256_file(graph),
            "parameters": sum(weight.numel() for weight in classifier.parameters()),
            "test": {
                "accuracy": test["accuracy"],
                "interval": [test["accuracy_low"], test["accuracy_high"]],
                "images": test["images"],
            },
        },
    )
    run_id = read_json(MODELS / "run.json")["run_id"]
    with trained_run(tracking_uri(), params.data.name, run_id):
        runs.log_metrics(report, prefix="parity.")
        runs.log_metrics(took, prefix="latency.")
        runs.log_files(REPORTS / "parity.json", REPORTS / "latency.json")
    print(
        f"exported {graph.stat().st_size / 1e6:.1f} MB; probabilities within "
        f"{report['worst_difference']:.1e} of torch's on {report['images']} images; "
        f"{took['median_milliseconds']:.2g} ms for one image here"
    )
    print(f"served in {why}")
    print(told)


def write_reference(graph: Path, precision: str, classes: Sequence[str], *, held_out: bool, seed: int) -> str:
    """Write reference.json beside the graph, of validation images; return what to print."""
    path = graph.with_name("reference.json")
    path.unlink(missing_ok=True)
    images = open_split(DATA / "validation").images
    if len(images) < LEAST_IMAGES:
        return f"no reference for drift: {len(images)} validation images are too few (of {LEAST_IMAGES})"
    chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:REFERENCE_IMAGES])
    reference_images = np.asarray(images[chosen])
    answer = Graph(graph.read_bytes(), precision=precision).explain(reference_images)  # as served
    reference = make_reference(
        reference_images, answer, classes=classes, sha256=sha256_file(graph), held_out=held_out, seed=seed
    )
    write_json(path, reference.to_json())
    return (
        f"drift is told from {len(reference_images):,} validation images: {', '.join(reference.statistics)}"
    )


if __name__ == "__main__":
    main()
