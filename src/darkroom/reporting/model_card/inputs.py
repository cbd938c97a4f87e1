"""What a model card is written from, and how it is read from the outputs of the stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom.config.model import Model
from darkroom.files import read_json
from darkroom.models.backbones.licences import licence_warning
from darkroom.reporting.evaluation_report.outputs import CHARTS, LABEL_CHARTS
from darkroom.reporting.model_card.ensemble import ensemble_facts


@dataclass(frozen=True, kw_only=True)
class CardInputs:
    """What a model card is written from.

    Nothing here changes between two runs with the same results, so that the card does not either: the
    commit, the environment and the times are in the lineage of a version and in its MLflow run.

    Attributes:
        meta: as in data/meta.json: `name`, `classes`, `height`, `width`, `channels`, and the counts
            `train`, `validation` and `test`; `corrections`, `test_sha256` and further hashes where present.
        metrics: as `darkroom.evaluation.headline.classification_metrics` returns.
        per_class: as `darkroom.evaluation.per_class.per_class_table` returns.
        folds: as in reports/folds.json; `folds` is 0 without a cross-validation.
        calibration, corrupted, duplicates, label_issues: the branches of reports/metrics.json.
        architecture: the description of the network, as in models/model_config.json.
        parameters: the number of weights of the network.
        source: as in data/source.json: where the data came from. `official: false` is pointed out.
        training: the parameters the model was trained with; may be nested.
        tuned: those of them that the tuner found; may be nested.
        images: caption to relative link of each figure, in the order to show them.
        command: the command that reproduces the model.
        intended_use: a paragraph of Markdown instead of the general one.
        limits: further limits, one sentence of Markdown each.
    """

    meta: Mapping[str, Any]
    metrics: Mapping[str, Any]
    per_class: pd.DataFrame
    folds: Mapping[str, Any] | None = None
    calibration: Mapping[str, Any] | None = None
    corrupted: Mapping[str, Any] | None = None
    duplicates: Mapping[str, Any] | None = None
    label_issues: Mapping[str, int] | None = None
    architecture: Mapping[str, Any] | None = None
    parameters: int | None = None
    source: Mapping[str, Any] | None = None
    training: Mapping[str, Any] | None = None
    tuned: Mapping[str, Any] | None = None
    images: Mapping[str, str] = field(default_factory=dict)
    command: str | None = None
    intended_use: str | None = None
    limits: Sequence[str] = ()


def read_card_inputs(*, data: Path, models: Path, reports: Path, training: Mapping[str, Any]) -> CardInputs:
    """Return the inputs of the card of the model that the stages up to `evaluate` built.

    Args:
        data: the folder with meta.json and source.json.
        models: the folder with model_config.json, calibration.json and tuned.json.
        reports: the folder with metrics.json, per_class.csv, train.json, the figures, and folds.json, which
            is left out where it is missing.
        training: the parameters the model was trained with; may be nested.
    """
    metrics, config = read_json(reports / "metrics.json"), read_json(models / "model_config.json")
    folds, trained = reports / "folds.json", read_json(reports / "train.json")
    if "head" in trained:
        config["head"] = trained["head"]
    ensemble = ensemble_facts(trained["ensemble"]) if "ensemble" in trained else {}
    fitted = read_json(models / "calibration.json")
    if structure := fitted.get("structure"):
        config["structure"] = structure["name"]
    return CardInputs(
        meta=read_json(data / "meta.json"),
        metrics=metrics["test"],
        per_class=pd.read_csv(reports / "per_class.csv", keep_default_na=False, dtype={"class": str}),
        folds=read_json(folds) if folds.is_file() else None,
        calibration=metrics["calibration"],
        corrupted=metrics.get("corrupted"),
        duplicates=metrics["duplicates"],
        label_issues=metrics["label_issues"],
        architecture={key: value for key, value in config.items() if key in Model.model_fields} | ensemble,
        parameters=trained["parameters"],
        source=read_json(data / "source.json"),
        training=training,
        tuned=read_json(models / "tuned.json"),
        images=LABEL_CHARTS if config.get("labels") == "several" else CHARTS,
        command="dvc repro",
        limits=[*_limits(config), *_views(config, fitted)],
    )


def _limits(config: Mapping[str, Any]) -> list[str]:
    """Return what the licence of a pretrained backbone's weights forbids, if it does."""
    warning = licence_warning(config["backbone"]["licence"]) if "backbone" in config else None
    return [warning] if warning else []


def _views(config: Mapping[str, Any], fitted: Mapping[str, Any]) -> list[str]:
    """Return of which images not all views are computed, if there are such."""
    if "one_view" not in fitted:
        return []
    return [
        f"Images whose confidence by one view is at least {fitted['one_view']['enough_from']:g} are answered "
        f"from it alone, others from {config['views']} views; all figures here are of the answers so given."
    ]
