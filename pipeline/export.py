"""Export the graph that is served, compare it with torch, and write the reference images' statistics."""

from darkroom.data.splits import open_split, read_meta
from darkroom.files import copy_file, read_json, write_json
from darkroom.models.classifier import load_classifier
from darkroom.models.exporting.latency import latency
from darkroom.models.exporting.onnx_graph import export_onnx
from darkroom.models.exporting.parity import parity
from darkroom.models.exporting.served_files import model_description, write_reference
from darkroom.models.exporting.served_precision import choose_served_precision, reduced_parity
from darkroom.tracking import runs
from darkroom.tracking.trained_run import trained_run
from pipeline import CALIBRATION, DATA, MODELS, REPORTS, read_params, tracking_uri
from pipeline.stage import stage

PARITY_IMAGES = 1000


def main() -> None:
    """Run the stage."""
    params, meta = read_params(), read_meta(DATA / "meta.json")
    config, calibration = read_json(MODELS / "model_config.json"), read_json(CALIBRATION)
    classifier = load_classifier(MODELS / "model.safetensors", MODELS / "model_config.json", CALIBRATION)
    exported = MODELS / "exported"
    graph = exported / "model.onnx"
    export_onnx(classifier, graph, height=meta.height, width=meta.width, channels=meta.channels)
    validation = open_split(DATA / "validation")
    compared = validation.first(PARITY_IMAGES)
    report = parity(classifier, graph, compared, tolerance=params.export.tolerance)
    reduced = reduced_parity(graph, compared)
    precision, why = choose_served_precision(
        params.export.precision,
        reduced,
        same_class=params.export.bf16_same_class,
        difference=params.export.bf16_difference,
    )
    report |= {"precision": precision} | ({"bf16": reduced} if reduced else {})
    took = latency(graph, compared, precision=precision)
    write_json(REPORTS / "parity.json", report)
    write_json(REPORTS / "latency.json", took)
    description = model_description(
        graph,
        meta,
        config=config,
        calibration=calibration,
        test=read_json(REPORTS / "metrics.json")["test"],
        precision=precision,
        parameters=sum(weight.numel() for weight in classifier.parameters()),
    )
    write_json(exported / "model.json", description)
    copy_file(REPORTS / "model_card.html", exported / "card.html")
    reference = write_reference(
        graph,
        validation,
        classes=meta.classes,
        precision=precision,
        held_out=calibration["held_out"],
        seed=params.seed,
        given_from=calibration.get("thresholds"),
    )
    with trained_run(tracking_uri(), params.data.name, read_json(MODELS / "run.json")["run_id"]):
        runs.log_metrics(report, prefix="parity.")
        runs.log_metrics(took, prefix="latency.")
        runs.log_files(REPORTS / "parity.json", REPORTS / "latency.json")
    print(
        f"exported {graph.stat().st_size / 1e6:.1f} MB; probabilities within "
        f"{report['worst_difference']:.1e} of torch's on {report['images']} images; "
        f"{took['median_milliseconds']:.2g} ms for one image here\nserved in {why}\n{reference}"
    )


if __name__ == "__main__":
    stage(main)
