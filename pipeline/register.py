"""Register the exported model with its evidence; it becomes champion if the gate says so."""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom.config import Params
from darkroom.data.splits import read_meta
from darkroom.files import read_json, sha256_file, write_json
from darkroom.registry.champion import registered_name
from darkroom.registry.comparison import Registered, register
from darkroom.registry.versions import write_champion
from darkroom.tracking import lineage, runs
from darkroom.tracking.trained_run import lacks_training, trained_run
from pipeline import DATA, MODELS, REPORTS, ROOT, TRAINING, TUNED, read_params, tracking_uri

EVIDENCE = (
    REPORTS / "predictions.parquet",
    REPORTS / "metrics.json",
    REPORTS / "model_card.md",
    REPORTS / "data.json",
    TUNED,
    ROOT / "params.yaml",
)


def main() -> None:
    """Run the stage."""
    params = read_params(tuned=True)
    uri, name = tracking_uri(), registered_name(params.data.name)
    run_id = read_json(MODELS / "run.json")["run_id"]
    test = read_json(REPORTS / "metrics.json")["test"]
    with trained_run(uri, params.data.name, run_id) as run, tempfile.TemporaryDirectory() as scratch:
        if lacks_training(uri, run):
            restore_run(params.model_dump(mode="json", include=TRAINING), read_json(REPORTS / "metrics.json"))
        origin = came_from(params, run_id)
        write_json(Path(scratch) / "lineage.json", origin)
        (Path(scratch) / "uncommitted.diff").write_bytes(lineage.uncommitted_diff(ROOT))
        if (ROOT / "dvc.lock").is_file():  # a stage's script may be run by hand
            shutil.copyfile(ROOT / "dvc.lock", Path(scratch) / "dvc.lock")
        registered = register(
            uri,
            name,
            exported=MODELS / "exported",
            evidence=[*EVIDENCE, *Path(scratch).iterdir()],
            run_id=run,
            tags={
                "test_accuracy": test["accuracy"],
                "test_accuracy_low": test["accuracy_low"],
                "test_accuracy_high": test["accuracy_high"],
                "test_sha256": origin["data"]["sha256"]["test"],
                "train_sha256": origin["data"]["sha256"]["train"],
                "data_source": origin["data"]["source"]["source"],
                "commit": origin["commit"] or "none",
                "uncommitted_changes": origin["uncommitted_changes"],
                "study": origin["study"],
                "trained_run": run_id,
                "milliseconds": read_json(REPORTS / "latency.json")["median_milliseconds"],
            },
            rules=params.gate,
        )
    write_json(REPORTS / "registered.json", asdict(registered))
    print(said(registered))
    if registered.champion is None:
        raise SystemExit(
            f"{name} has no champion, so there is nothing to serve. Improve the model, change `gate` in "
            f"params.yaml, or `python -m darkroom promote {registered.version} --why ...`"
        )
    write_champion(uri, name, MODELS / "champion")


def came_from(params: Params, run_id: str) -> dict[str, Any]:
    """Return all that names what the model was made from."""
    data = read_json(REPORTS / "data.json")
    return {
        "commit": lineage.commit(ROOT),
        "uncommitted_changes": bool(lineage.uncommitted_diff(ROOT)),
        "data": {
            "name": params.data.name,
            "source": data["source"],
            "sha256": data["sha256"],
            "corrections": data.get("corrections"),
        },
        "classes": list(read_meta(DATA / "meta.json").classes),
        "parameters": params.model_dump(mode="json", include=TRAINING),
        "tuned": read_json(TUNED),
        "study": read_json(REPORTS / "tune.json").get("study", "none"),
        "run": run_id,
        "device": read_json(REPORTS / "train.json")["device"],
        "weights_sha256": sha256_file(MODELS / "model.safetensors"),
        "environment": lineage.environment(),
    }


def restore_run(params: dict[str, object], metrics: dict[str, object]) -> None:
    """Log to the open run, from the stages' files, what a database that never saw the training lacks."""
    runs.log_params(params)
    for row in pd.read_csv(REPORTS / "curve.csv").to_dict("records"):
        values = {str(key): value for key, value in row.items() if key != "epoch" and pd.notna(value)}
        runs.log_metrics(values, step=int(row["epoch"]))
    runs.log_metrics(metrics)
    runs.log_files(REPORTS / "curve.csv", REPORTS / "train.json", REPORTS / "metrics.json")


def said(registered: Registered) -> str:
    """Return what to print."""
    words = f"{registered.name} version {registered.version}: {registered.verdict.words}"
    if registered.champion in (None, registered.version):
        return words
    return f"{words}; version {registered.champion} is champion"


if __name__ == "__main__":
    main()
