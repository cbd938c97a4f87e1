"""Losses of several labels on one frozen backbone: the same features, split and search for the strength.

    python -m benchmarks.multilabel --checkout FOLDER --out table.json

FOLDER is a checkout in which `dvc repro preprocess backbone` has run with data.labels=several and a
backbone. Every loss is fitted to the training images; its strength, calibration and thresholds come from the
validation images; the test images are measured once, after everything is chosen.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.config import Params, load_params, override
from darkroom.data.splits import open_split, read_meta, split_sha256
from darkroom.evaluation.multilabel.calibration_fit import calibrated, fit_label_sets
from darkroom.evaluation.multilabel.headline import headline
from darkroom.evaluation.multilabel.thresholds import decide
from darkroom.files import write_json
from darkroom.training.features import Part, features_of
from darkroom.training.head import Labelled
from darkroom.training.label_head import fit_label_head
from darkroom.training.losses.multilabel import LOSSES, NOISY
from darkroom.training.start import backbone_weights, model_config, new_classifier

SEEDS = (0, 1, 2)  # of losses whose value is drawn; L-BFGS draws nothing
SHOWN = ("average_precision", "macro_f1", "of1", "image_f1", "accuracy", "hamming_loss")


def features(checkout: Path, params: Params) -> dict[str, list[Labelled]]:
    """Return for each split its features as they are, and mirrored where augment.flip mirrors."""
    data = checkout / "data"
    weights = backbone_weights(params, folder=checkout / "models/backbone")
    meta = read_meta(data / "meta.json")
    config = model_config(params, meta, weights)
    splits = {name: open_split(data / name) for name in ("train", "validation", "test")}
    classifier = new_classifier(config, splits["train"], seed=params.seed, weights=weights)
    how: dict[str, Any] = {
        "folder": checkout / ".checkpoints/features",
        "device": torch.device("cpu"),
        "precision": torch.float32,
    }
    names = {"train": "training", "validation": "validation", "test": "test"}
    found: dict[str, list[Labelled]] = {}
    for name, split in splits.items():
        labels = torch.from_numpy(np.array(split.labels))
        found[name] = [
            Labelled(
                torch.from_numpy(
                    features_of(
                        Part(names[name], split, split_sha256(data / name), mirrored),
                        classifier,
                        config,
                        **how,
                    )
                ),
                labels,
            )
            for mirrored in ((False,) if params.augment.flip == "none" else (False, True))
        ]
    return found


def trained(parts: dict[str, list[Labelled]], params: Params, *, seed: int) -> dict[str, Any]:
    """Fit one loss and return what it took, what was chosen, and figures of validation and test images."""
    train = parts["train"]
    began = time.process_time()
    fit, strengths, weight, bias = fit_label_head(
        Labelled(torch.cat([part.features for part in train]), torch.cat([part.labels for part in train])),
        parts["validation"][0],
        settings=params.train,
        seed=seed,
    )
    seconds = time.process_time() - began
    logits = {name: _logits(parts[name], weight, bias) for name in ("validation", "test")}
    labels = {name: parts[name][0].labels.numpy() for name in logits}
    rules: dict[str, Any] = {}
    for rule in ("half", "f1"):
        fitted = fit_label_sets(
            logits["validation"], labels["validation"], rule=rule, confident_accuracy=0.98
        ).fitted
        rules[rule] = fitted
    figures = {}
    for rule, fitted in rules.items():  # nothing is chosen from here on
        probabilities = calibrated(logits["test"], fitted)
        decisions = decide(probabilities, np.array(fitted["thresholds"]))
        figures[rule] = headline(
            probabilities, decisions, labels["test"], resamples=params.evaluate.resamples, seed=params.seed
        )
    return {
        "loss": params.train.loss,
        "label_smoothing": params.train.label_smoothing,
        "class_weights": params.train.class_weights,
        "seed": seed,
        "cpu_seconds": seconds,
        "strengths": sorted(set(strengths)),
        "validation_average_precision": fit.best.score("average_precision"),
        "test": figures,
    }


def settings(params: Params) -> Iterator[tuple[Params, int]]:
    """Yield the parameters and the seed of each training."""
    for loss in LOSSES:
        for seed in SEEDS if loss in NOISY else SEEDS[:1]:
            changes: dict[str, Any] = {"loss": loss, "label_smoothing": 0.0}
            yield override(params, {"train": changes}), seed
    yield override(params, {"train": {"loss": "binary_cross_entropy", "label_smoothing": 0.1}}), 0
    balanced = {"loss": "binary_cross_entropy", "label_smoothing": 0.0, "class_weights": "balanced"}
    yield override(params, {"train": balanced}), 0


def line(row: dict[str, Any]) -> str:
    """Return a row of the table, with the thresholds of the highest F1 on validation images."""
    test = row["test"]["f1"]
    cells = [f"{100 * test[name]:.1f}" for name in SHOWN]
    low, high = 100 * test["average_precision_low"], 100 * test["average_precision_high"]
    cells[0] += f" ({low:.1f} to {high:.1f})"
    name = row["loss"] + (", smoothing" if row["label_smoothing"] else "")
    name += f", {row['class_weights']}" if row["class_weights"] != "none" else ""
    return "| " + " | ".join([name, str(row["seed"]), *cells, f"{row['cpu_seconds']:.0f}"]) + " |"


def main() -> None:
    """Run the comparison and write it as JSON after every row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    params = load_params(arguments.checkout / "params.yaml")
    parts = features(arguments.checkout, params)
    rows = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.is_file() else []
    done = {(row["loss"], row["label_smoothing"], row["class_weights"], row["seed"]) for row in rows}
    for chosen, seed in settings(params):
        train = chosen.train
        if (train.loss, train.label_smoothing, train.class_weights, seed) in done:
            continue
        rows.append(trained(parts, chosen, seed=seed))
        write_json(arguments.out, rows)
        print(line(rows[-1]), flush=True)


def _logits(views: list[Labelled], weight: torch.Tensor, bias: torch.Tensor) -> NDArray[np.float32]:
    """Return the logits float32 [N,L], averaged over the views."""
    mean = torch.stack([view.features.double() for view in views]).mean(0)
    return np.asarray((mean @ weight.T + bias).float().numpy())


if __name__ == "__main__":
    main()
