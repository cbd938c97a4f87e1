"""Heads of several labels on one frozen backbone: the same maps, split, loss and budget.

    python -m benchmarks.multilabel_heads --checkout FOLDER --out heads.json [--heads gcn ...] [--seeds 0 1 2]

FOLDER is a checkout in which `dvc repro preprocess backbone` has run with data.labels=several and a backbone.
The best pass, calibration and thresholds come from the validation images; the test images are measured once,
after everything is chosen. It goes on where it was stopped.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.label_tables import begin, cells, judged, kept_rows, parser
from darkroom.config import Params, load_params, override
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.files import write_json
from darkroom.models.heads import HEADS
from darkroom.models.heads.net import MapsNet
from darkroom.training.map_head import BATCH, fit_map_head
from darkroom.training.maps import KeptMaps, maps_of

HEAD_RUNS = 100  # of the head alone on one image's maps, of whose times the median is stated


def trained(checkout: Path, params: Params) -> dict[str, Any]:
    """Train one head and return its time and the figures of validation and test images."""
    on, parts = begin(checkout, params)
    maps = {
        name: [maps_of(replace(part, mirrored=mirrored), on) for mirrored in (False, True)]
        for name, part in parts.items()
    }
    labels = {name: np.array(part.split.labels) for name, part in parts.items()}
    net = on.classifier.net
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
    return {
        "head": params.model.head,
        "seed": params.seed,
        "cpu_seconds": seconds,
        "head_milliseconds": _head_milliseconds(net, maps["test"][0]),
        "weights": sum(weight.numel() for weight in net.head.parameters()),
        "passes": len(fitted.history),
        "best_pass": fitted.best.epoch,
        "validation_average_precision": mean_average_precision(logits["validation"], labels["validation"]),
        "test": judged(logits, labels, rule="f1", params=params),
    }


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    found = [f"{100 * row['validation_average_precision']:.1f}", *cells(row["test"])]
    found += [f"{row['cpu_seconds']:.0f}", f"{row['head_milliseconds']:.1f}"]
    return "| " + " | ".join([f"`{row['head']}`", str(row["seed"]), *found]) + " |"


def main() -> None:
    """Run the comparison and write it as JSON after every row."""
    arguments_of = parser(__doc__)
    arguments_of.add_argument("--heads", nargs="+", choices=list(HEADS), default=list(HEADS))
    arguments_of.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = arguments_of.parse_args()
    torch.set_num_threads(1)
    params = load_params(arguments.checkout / "params.yaml")
    rows = kept_rows(arguments.out)
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
