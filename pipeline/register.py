"""Register the exported model with its evidence; it becomes champion if the gate decides so."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from darkroom.config import Params
from darkroom.data.splits import read_meta
from darkroom.files import read_json, write_json
from darkroom.registry.champion_files import write_champion
from darkroom.registry.origin import collect_origin, version_tags, write_origin
from darkroom.registry.registration import describe_result, register
from darkroom.registry.store import registered_name
from darkroom.tracking.trained_run import lacks_training, restore_training, trained_run
from pipeline import DATA, MODELS, REPORTS, ROOT, TRAINING, TUNED, read_params, tracking_uri
from pipeline.stage import stage

FILES = ("predictions.parquet", "metrics.json", "model_card.md", "data.json")


def main() -> None:
    """Run the stage."""
    params = read_params(tuned=True)
    uri, name = tracking_uri(), registered_name(params.data.name)
    metrics = read_json(REPORTS / "metrics.json")
    origin = read_origin_of_stages(params)
    with trained_run(uri, params.data.name, origin["run"]) as run_id, tempfile.TemporaryDirectory() as folder:
        if lacks_training(uri, run_id):
            restore_training(origin["parameters"], metrics, reports=REPORTS)
        evidence = [*(REPORTS / file for file in FILES), TUNED, ROOT / "params.yaml"]
        registered = register(
            uri,
            name,
            exported=MODELS / "exported",
            evidence=[*evidence, *write_origin(origin, ROOT, Path(folder))],
            run_id=run_id,
            tags=version_tags(
                origin, metrics["test"], read_json(REPORTS / "latency.json")["median_milliseconds"]
            ),
            gate=params.gate,
        )
    write_json(REPORTS / "registered.json", asdict(registered))
    print(describe_result(registered))
    if registered.champion is None:
        raise SystemExit(
            f"{name} has no champion, so there is nothing to serve. Improve the model, change `gate` in "
            f"params.yaml, or `python -m darkroom promote {registered.version} --why ...`"
        )
    write_champion(uri, name, MODELS / "champion")


def read_origin_of_stages(params: Params) -> dict[str, Any]:
    """Return what the model was made from, as the stages before this one wrote it."""
    return collect_origin(
        ROOT,
        name=params.data.name,
        classes=read_meta(DATA / "meta.json").classes,
        parameters=params.model_dump(mode="json", include=TRAINING),
        tuned=read_json(TUNED),
        data=read_json(REPORTS / "data.json"),
        study=read_json(REPORTS / "tune.json").get("study", "none"),
        run_id=read_json(MODELS / "run.json")["run_id"],
        device=read_json(REPORTS / "train_timing.json")["device"],
        weights=MODELS / "model.safetensors",
        backbone=read_json(MODELS / "model_config.json").get("backbone"),
    )


if __name__ == "__main__":
    stage(main)
