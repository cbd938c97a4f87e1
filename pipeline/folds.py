"""Cross-validate: nets trained like the champion, each on all folds but one, which it then predicts."""

import shutil
from typing import Any

import pandas as pd

from darkroom.config import Params
from darkroom.evaluation.cross_validation import OFF, empty_table, figures, prediction_table, summary
from darkroom.files import atomic_write, write_json
from pipeline import CHECKPOINTS, DATA, MODELS, REPORTS, TRAINING, read_params, tracking_uri
from pipeline.stage import stage

TABLE, REPORT = MODELS / "out_of_fold.parquet", REPORTS / "folds.json"


def main() -> None:
    """Run the stage."""
    params = read_params(tuned=True)
    if params.data.folds:
        cross_validate(params)
    else:
        write_outputs(empty_table(), OFF)
        print("data.folds is 0: no cross-validation")


def cross_validate(params: Params) -> None:
    """Train and predict fold by fold, and log what comes out."""
    # imported here because they take seconds, which a run without folds need not spend
    from darkroom.data.folds import read_divided
    from darkroom.data.splits import read_meta
    from darkroom.tracking import runs
    from darkroom.training.fingerprint import fingerprint
    from darkroom.training.folds import out_of_fold
    from darkroom.training.head_folds import head_out_of_fold
    from darkroom.training.start import backbone_weights, model_config

    meta, settings = read_meta(DATA / "meta.json"), params.model_dump(mode="json", include=TRAINING)
    how = {"first": params.train.images, "folds": params.data.folds, "seed": params.seed}
    divided = read_divided(DATA, classes=meta.classes, **how)
    weights = backbone_weights(params, folder=MODELS / "backbone")
    config = model_config(params, meta, weights)
    folder = CHECKPOINTS / f"folds-{fingerprint(settings, divided.sha256)}"
    if weights:
        found = head_out_of_fold(divided, params, config, weights, folder=CHECKPOINTS / "features")
    else:
        found = out_of_fold(divided, params, config, folder=folder)
    table = prediction_table(divided.rows, divided.folds, found, meta.classes)
    report = figures(table, meta.classes)
    write_outputs(table, report)
    with runs.open_run(tracking_uri(), meta.name, name="folds", tags={"stage": "folds"}):
        runs.log_params(settings)
        runs.log_metrics(report, prefix="folds.")
        runs.log_files(TABLE, REPORT)
    shutil.rmtree(folder, ignore_errors=bool(weights))  # of a backbone only the features are kept
    print(summary(report))


def write_outputs(table: pd.DataFrame, report: dict[str, Any]) -> None:
    """Write the predictions and the figures."""
    with atomic_write(TABLE) as file:
        table.to_parquet(file, index=False)
    write_json(REPORT, report)


if __name__ == "__main__":
    stage(main)
