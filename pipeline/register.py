"""Register the exported model with its lineage; the better one on the same test pictures is champion."""

import json
from dataclasses import asdict

import pandas as pd

from darkroom import lineage, tracking
from darkroom.files import read_json, write_json
from darkroom.registry import lacks_training, register, registered_name, trained_run, write_champion
from darkroom.splits import read_meta
from pipeline import DATA, MODELS, REPORTS, ROOT, TUNED, read_params, tracking_uri


def main() -> None:
    """Run the stage."""
    params = read_params(tuned=True)
    uri, name = tracking_uri(), registered_name(params.data.name)
    run_id = read_json(MODELS / "run.json")["run_id"]
    data, test = read_json(REPORTS / "data.json"), read_json(REPORTS / "metrics.json")["test"]
    tune, diff = read_json(REPORTS / "tune.json"), lineage.uncommitted_diff(ROOT)
    with trained_run(uri, params.data.name, run_id) as run:
        if lacks_training(uri, run):
            restore_run(params.model_dump(mode="json", exclude={"tune", "evaluate", "export"}), test)
        tracking.log_text(diff, "register/uncommitted.diff")
        tracking.log_text(json.dumps(lineage.environment(), indent=2), "register/environment.json")
        tracking.log_files(TUNED, REPORTS / "data.json", folder="register")
        verdict = register(
            uri,
            name,
            folder=MODELS / "exported",
            run_id=run,
            tags={
                "test_accuracy": test["accuracy"],
                "test_sha256": read_meta(DATA / "meta.json").test_sha256,
                "train_sha256": data["sha256"]["train"],
                "data_source": data["source"]["source"],
                "commit": lineage.commit(ROOT) or "none",
                "uncommitted_changes": bool(diff),
                "study": tune.get("study", "none"),
                "trained_run": run_id,
                **{f"env.{key}": value for key, value in lineage.environment().items()},
            },
        )
    write_champion(uri, name, MODELS / "champion")
    write_json(REPORTS / "registered.json", asdict(verdict))
    became = "is the new champion" if verdict.promoted else f"leaves version {verdict.champion} champion"
    print(f"{name} version {verdict.version} {became}: {verdict.reason}")


def restore_run(params: dict[str, object], test: dict[str, object]) -> None:
    """Log to the open run, from the stages' files, what a database that never saw the training lacks."""
    tracking.log_params(params)
    for row in pd.read_csv(REPORTS / "curve.csv").to_dict("records"):
        values = {str(key): value for key, value in row.items() if key != "epoch" and pd.notna(value)}
        tracking.log_metrics(values, step=int(row["epoch"]))
    tracking.log_metrics(test, prefix="test.")
    tracking.log_files(REPORTS / "curve.csv", REPORTS / "train.json", REPORTS / "metrics.json")


if __name__ == "__main__":
    main()
