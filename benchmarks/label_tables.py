"""What the comparisons of several labels share: arguments, kept rows, features, figures on test images."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.config import Params
from darkroom.data.splits import open_split, read_meta, split_sha256
from darkroom.evaluation.multilabel.calibration_fit import calibrated, fit_label_sets
from darkroom.evaluation.multilabel.headline import headline
from darkroom.evaluation.multilabel.thresholds import Rule, decide
from darkroom.models.classifier import Classifier
from darkroom.training.features import Part
from darkroom.training.head import Labelled, labelled_views
from darkroom.training.start import backbone_weights, model_config, new_classifier

SPLITS = {"train": "training", "validation": "validation", "test": "test"}
SHOWN = ("average_precision", "macro_f1", "of1", "image_f1", "accuracy", "hamming_loss")
CONFIDENT = 0.98  # of calibrate.confident_accuracy, which has no part in what is compared


def parser(about: str | None) -> argparse.ArgumentParser:
    """Return a parser of --checkout and --out, for a comparison that `about` describes."""
    arguments = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--checkout", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    return arguments


def kept_rows(out: Path) -> list[dict[str, Any]]:
    """Return the rows that an earlier run wrote, none where there was none."""
    rows: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else []
    return rows


def begin(checkout: Path, params: Params) -> tuple[Classifier, dict[str, Any], dict[str, Part]]:
    """Return a fresh classifier on the backbone, its configuration, and the images of each split."""
    data = checkout / "data"
    weights = backbone_weights(params, folder=checkout / "models/backbone")
    config = model_config(params, read_meta(data / "meta.json"), weights)
    parts = {
        name: Part(title, open_split(data / name), split_sha256(data / name))
        for name, title in SPLITS.items()
    }
    classifier = new_classifier(config, parts["train"].split, seed=params.seed, weights=weights)
    return classifier, config, parts


def how(checkout: Path) -> dict[str, Any]:
    """Return where features are kept, and how they are computed."""
    folder = checkout / ".checkpoints/features"
    return {"folder": folder, "device": torch.device("cpu"), "precision": torch.float32}


def features(checkout: Path, params: Params) -> dict[str, list[Labelled]]:
    """Return for each split its features as they are, and mirrored where augment.flip mirrors."""
    classifier, config, parts = begin(checkout, params)
    mirrored = params.augment.flip != "none"
    return {
        name: labelled_views(part, classifier, mirrored=mirrored, config=config, **how(checkout))
        for name, part in parts.items()
    }


def linear_logits(views: list[Labelled], weight: torch.Tensor, bias: torch.Tensor) -> NDArray[np.float32]:
    """Return the logits float32 [N,L] of a linear layer, averaged over the views."""
    mean = torch.stack([view.features.double() for view in views]).mean(0)
    return np.asarray((mean @ weight.T + bias).float().numpy())


def judged(
    logits: dict[str, NDArray[np.float32]],
    labels: dict[str, NDArray[np.int8]],
    *,
    rule: Rule,
    params: Params,
) -> dict[str, Any]:
    """Return figures of the test images; calibration and thresholds come from the validation images."""
    fitted = fit_label_sets(
        logits["validation"], labels["validation"], rule=rule, confident_accuracy=CONFIDENT
    ).fitted
    probabilities = calibrated(logits["test"], fitted)
    decisions = decide(probabilities, np.array(fitted["thresholds"]))
    drawn: dict[str, Any] = {"resamples": params.evaluate.resamples, "seed": params.seed}
    return headline(probabilities, decisions, labels["test"], **drawn)


def cells(test: dict[str, Any]) -> list[str]:
    """Return the figures of `SHOWN` in per cent, the first with its interval."""
    found = [f"{100 * test[name]:.1f}" for name in SHOWN]
    low, high = 100 * test["average_precision_low"], 100 * test["average_precision_high"]
    return [f"{found[0]} ({low:.1f} to {high:.1f})", *found[1:]]
