"""Heads of several labels on one frozen backbone: the same maps, split, loss and budget.

    python -m benchmarks.multilabel_heads --checkout FOLDER --out heads.json [--heads gcn ...] [--seeds 0 1 2]

FOLDER is a checkout in which `dvc repro preprocess backbone` has run with data.labels=several and a backbone.
The best pass, calibration and thresholds come from the validation images; the test images are measured once,
after everything is chosen. It goes on where it was stopped.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.config import Params, load_params, override
from darkroom.data.splits import open_split, read_meta, split_sha256
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.evaluation.multilabel.calibration_fit import calibrated, fit_label_sets
from darkroom.evaluation.multilabel.headline import headline
from darkroom.evaluation.multilabel.thresholds import decide
from darkroom.files import write_json
from darkroom.models.heads import HEADS
from darkroom.models.heads.net import MapsNet
from darkroom.training.features import Part
from darkroom.training.map_head import BATCH, fit_map_head
from darkroom.training.maps import KeptMaps, maps_of
from darkroom.training.start import backbone_weights, model_config, new_classifier

NAMES = {"train": "training", "validation": "validation", "test": "test"}
SHOWN = ("average_precision", "macro_f1", "of1", "image_f1", "accuracy", "hamming_loss")
HEAD_RUNS = 100  # of the head alone on one image's maps, of whose times the median is stated


def trained(checkout: Path, params: Params) -> dict[str, Any]:
    """Train one head and return its time and the figures of validation and test images."""
    data = checkout / "data"
    weights = backbone_weights(params, folder=checkout / "models/backbone")
    config = model_config(params, read_meta(data / "meta.json"), weights)
    splits = {name: open_split(data / name) for name in NAMES}
    classifier = new_classifier(config, splits["train"], seed=params.seed, weights=weights)
    how: dict[str, Any] = {"folder": checkout / ".checkpoints/features"}
    how |= {"device": torch.device("cpu"), "precision": torch.float32}
    maps: dict[str, list[KeptMaps]] = {}
    for name, split in splits.items():
        part = Part(NAMES[name], split, split_sha256(data / name))
        maps[name] = [
            maps_of(replace(part, mirrored=mirrored), classifier, config, **how) for mirrored in (False, True)
        ]
    labels = {name: np.array(split.labels) for name, split in splits.items()}
    net = classifier.net
    assert isinstance(net, MapsNet)
    began = time.process_time()
    fitted = fit_map_head(
        net,
        maps["train"],
        torch.from_numpy(labels["train"]),
        maps["validation"][0],
        torch.from_numpy(labels["validation"]),
        settings=params.train,
        seed=params.seed,
    )
    seconds = time.process_time() - began
    logits = {name: _logits(net, maps[name]) for name in ("validation", "test")}
    calibration = fit_label_sets(
        logits["validation"], labels["validation"], rule="f1", confident_accuracy=0.98
    ).fitted
    probabilities = calibrated(logits["test"], calibration)  # nothing is chosen from here on
    decisions = decide(probabilities, np.array(calibration["thresholds"]))
    return {
        "head": params.model.head,
        "seed": params.seed,
        "cpu_seconds": seconds,
        "head_milliseconds": _head_milliseconds(net, maps["test"][0]),
        "weights": sum(weight.numel() for weight in net.head.parameters()),
        "passes": len(fitted.history),
        "best_pass": fitted.best.epoch,
        "validation_average_precision": mean_average_precision(logits["validation"], labels["validation"]),
        "test": headline(
            probabilities,
            decisions,
            labels["test"],
            resamples=params.evaluate.resamples,
            seed=0,
        ),
    }


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    test = row["test"]
    cells = [f"{100 * test[name]:.1f}" for name in SHOWN]
    cells[0] += f" ({100 * test['average_precision_low']:.1f} to {100 * test['average_precision_high']:.1f})"
    cells.insert(0, f"{100 * row['validation_average_precision']:.1f}")
    cells += [f"{row['cpu_seconds']:.0f}", f"{row['head_milliseconds']:.1f}"]
    return "| " + " | ".join([f"`{row['head']}`", str(row["seed"]), *cells]) + " |"


def main() -> None:
    """Run the comparison and write it as JSON after every row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--heads", nargs="+", choices=list(HEADS), default=list(HEADS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    params = load_params(arguments.checkout / "params.yaml")
    rows = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.is_file() else []
    done = {(row["head"], row["seed"]) for row in rows}
    for seed in arguments.seeds:
        for head in arguments.heads:
            if (head, seed) not in done:
                chosen = override(params, {"seed": seed, "model": {"head": head}})
                rows.append(trained(arguments.checkout, chosen))
                write_json(arguments.out, rows)
                print(line(rows[-1]), flush=True)


@torch.inference_mode()
def _logits(net: MapsNet, views: list[KeptMaps]) -> NDArray[np.float32]:
    """Return the logits float32 [N,L], averaged over the views."""
    starts = range(0, len(views[0]), BATCH)
    found = [
        torch.stack([net.of_maps(view.take(range(at, min(at + BATCH, len(view))))) for view in views]).mean(0)
        for at in starts
    ]
    return np.asarray(torch.cat(found).numpy())


@torch.inference_mode()
def _head_milliseconds(net: MapsNet, maps: KeptMaps) -> float:
    """Return the median time of the head alone on one image, by torch on one core, in ms."""
    one, times = maps.take([0]), []
    for _ in range(HEAD_RUNS):
        began = time.perf_counter()
        net.of_maps(one)
        times.append(time.perf_counter() - began)
    return 1000 * float(np.median(times))


if __name__ == "__main__":
    main()
