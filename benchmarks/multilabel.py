"""Losses of several labels on one frozen backbone: the same features, split and search for the strength.

    python -m benchmarks.multilabel --checkout FOLDER --out table.json

FOLDER is a checkout in which `dvc repro preprocess backbone` has run with data.labels=several and a
backbone. Every loss is fitted to the training images; its strength, calibration and thresholds come from the
validation images; the test images are measured once, after everything is chosen.
"""

import time
from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.label_tables import cells, features, judged, kept_rows, linear_logits, parser
from darkroom.config import Params, load_params, override
from darkroom.files import write_json
from darkroom.training.head import Labelled, joined
from darkroom.training.label_head import fit_label_head
from darkroom.training.losses.multilabel import LOSSES, NOISY

SEEDS = (0, 1, 2)  # of losses whose value is drawn; L-BFGS draws nothing


def trained(parts: dict[str, list[Labelled]], params: Params, *, seed: int) -> dict[str, Any]:
    """Fit one loss and return what it took, what was chosen, and figures of validation and test images."""
    began = time.process_time()
    fit, strengths, weight, bias = fit_label_head(
        joined(parts["train"]), parts["validation"][0], settings=params.train, seed=seed
    )
    seconds = time.process_time() - began
    logits = {name: linear_logits(parts[name], weight, bias) for name in ("validation", "test")}
    labels = {name: parts[name][0].labels.numpy() for name in logits}
    return {
        "loss": params.train.loss,
        "label_smoothing": params.train.label_smoothing,
        "class_weights": params.train.class_weights,
        "seed": seed,
        "cpu_seconds": seconds,
        "strengths": sorted(set(strengths)),
        "validation_average_precision": fit.best.score("average_precision"),
        "test": {rule: judged(logits, labels, rule=rule, params=params) for rule in ("half", "f1")},
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
    name = row["loss"] + (", smoothing" if row["label_smoothing"] else "")
    name += f", {row['class_weights']}" if row["class_weights"] != "none" else ""
    found = [name, str(row["seed"]), *cells(row["test"]["f1"]), f"{row['cpu_seconds']:.0f}"]
    return "| " + " | ".join(found) + " |"


def main() -> None:
    """Run the comparison and write it as JSON after every row."""
    arguments = parser(__doc__).parse_args()
    torch.set_num_threads(1)
    params = load_params(arguments.checkout / "params.yaml")
    parts = features(arguments.checkout, params)
    rows = kept_rows(arguments.out)
    done = {(row["loss"], row["label_smoothing"], row["class_weights"], row["seed"]) for row in rows}
    for chosen, seed in settings(params):
        train = chosen.train
        if (train.loss, train.label_smoothing, train.class_weights, seed) in done:
            continue
        rows.append(trained(parts, chosen, seed=seed))
        write_json(arguments.out, rows)
        print(line(rows[-1]), flush=True)


if __name__ == "__main__":
    main()
