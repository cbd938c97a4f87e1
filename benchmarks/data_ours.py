"""Our loading of images, as `benchmarks.data` measures it; and what its decoder alone does.

    python -m benchmarks.data_ours ours --images FOLDER --scratch FOLDER --epochs 3 --workers 2

FOLDER has train, val and test, each with a folder a class. What it prints is as of `benchmarks/loaders.py`.
The first epoch has everything in it that a person waits for before it ends: the list of the files, the scan
(decoding, hashes, near-duplicates, splits), the splits that are written, their statistics, and its batches.
All is done by the calls of the stages source, download, preprocess and train; left out are MLflow's runs and
the reports.
"""

import argparse
import io
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks.loaders import BATCH, SHIFT, SIDE, checked, cpu_seconds
from darkroom.config import Params, load_params
from darkroom.config.loading import override
from darkroom.data import preparation
from darkroom.data.scan.examination import CHUNK
from darkroom.data.scan.listing import write_listing
from darkroom.data.sources import own
from darkroom.data.splits import open_split, read_meta
from darkroom.data.storage import open_storage
from darkroom.files import write_json
from darkroom.images.decoding import load_for_model
from darkroom.images.formats import open_image
from darkroom.images.resizing import to_model_input
from darkroom.models.hardware import set_threads
from darkroom.models.memory import keep_freed_memory
from darkroom.training.batches import Batch, batches
from darkroom.training.history import Epoch
from darkroom.training.progress import begin_epoch
from darkroom.training.start import model_config, new_classifier
from darkroom.training.state import TrainingState, start_training
from pipeline import ROOT


class Clock:
    """Seconds, and CPU seconds of all processes, since the last look."""

    def __init__(self) -> None:
        self.seconds, self.used = time.perf_counter(), cpu_seconds()

    def since(self) -> dict[str, float]:
        """Return both, and start again."""
        before, used = self.seconds, self.used
        self.seconds, self.used = time.perf_counter(), cpu_seconds()
        return {"seconds": self.seconds - before, "cpu_seconds": self.used - used}


def main() -> None:
    """Go through the epochs and print how long each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("loader", choices=["ours", "decoder", "decoder and resize"])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    options = parser.parse_args()
    if options.loader == "ours":
        ours(options.images, options.scratch, epochs=options.epochs, workers=options.workers)
    else:
        decode_all(options.images, resize="resize" in options.loader, workers=options.workers)


def ours(images: Path, scratch: Path, *, epochs: int, workers: int) -> None:
    """Scan, write the splits, and make the batches of the epochs; print a line an epoch."""
    set_threads(workers)
    keep_freed_memory()  # as training does
    params = parameters(images, epochs)
    clock = Clock()
    scanned = scan(params, scratch, workers)
    parts = {"scan": clock.since()}
    write_splits(params, scratch, workers)
    parts["splits"] = clock.since()
    state = new_state(params, scratch)  # of which only the images matter here: its time does not count
    clock.since()
    for number in range(epochs):
        images_seen = sum(checked(batch.images) for batch in epoch(state))
        took = clock.since()
        row: dict[str, Any] = {**took, "images": images_seen}
        if number == 0:
            parts["batches"] = took
            row |= {key: sum(part[key] for part in parts.values()) for key in took}
            row |= {"parts": parts, "scanned": scanned}
        print(json.dumps(row), flush=True)


def parameters(images: Path, epochs: int) -> Params:
    """Return params.yaml for these images; the net is the plain one, since none is trained."""
    changes = {
        "data": {"source": str(images), "name": "benchmark", "side": SIDE, "smallest_class": 1},
        "model": {"architecture": "resnet18"},
        "augment": {"translate": SHIFT, "flip": "random", "cutout": 0},
        "train": {
            "batch_size": BATCH,
            "epochs": epochs,
            "low_resolutions": [],
            "hardest_share": 1.0,
            "device": "cpu",
            "compile": "never",
        },
    }
    return override(load_params(ROOT / "params.yaml"), changes)


def scan(params: Params, scratch: Path, workers: int) -> int:
    """List and scan the images as the stages `source` and `download` do; return how many there are."""
    storage = open_storage(params.data.source, ROOT, params.data)
    write_listing(scratch / "listing.parquet", storage.files())
    scanned = own.obtain(
        params.data,
        scratch / "listing.parquet",
        scratch / "raw",
        similarity=params.evaluate.duplicate_similarity,
        mirror=True,
        root=ROOT,
        work=scratch / "work",
        workers=workers,
    )
    return len(scanned.manifest)


def write_splits(params: Params, scratch: Path, workers: int) -> None:
    """Write the splits and their statistics as the stage `preprocess` does."""
    raw = own.read(params.data, scratch / "raw", root=ROOT, work=scratch / "work", workers=workers)
    prepared = preparation.prepare(
        raw,
        scratch / "corrections",
        name=params.data.name,
        validation_fraction=params.data.validation_fraction,
        seed=params.seed,
        similarity=params.evaluate.duplicate_similarity,
        mirror=True,
        fit=params.data.fit,
    )
    hashes = preparation.write_splits(prepared, scratch / "data")
    write_json(scratch / "data" / "meta.json", preparation.meta(prepared, hashes))


def new_state(params: Params, scratch: Path) -> TrainingState:
    """Return the state of a training before its first epoch."""
    train = open_split(scratch / "data" / "train")
    config = model_config(params, read_meta(scratch / "data" / "meta.json"))
    classifier = new_classifier(config, train, seed=params.seed)
    return start_training(
        classifier, train, params=params, device=torch.device("cpu"), precision=torch.float32
    )


def epoch(state: TrainingState) -> Iterator[Batch]:
    """Yield the batches of the next epoch, as the stage `train` makes them."""
    yield from batches(state, begin_epoch(state))
    number = len(state.history) + 1
    state.history.append(Epoch(number, 0.0, 0.0, None, None, 0.0, 0.0, 0.0))


def decode_all(images: Path, *, resize: bool, workers: int) -> None:
    """Decode every image in threads, and bring it to the model's size where `resize`; print one line."""
    files = sorted((images / "train").glob("*/*"))

    def whole(path: Path) -> None:
        Image.open(io.BytesIO(path.read_bytes())).load()

    def resized(path: Path) -> None:
        image = load_for_model(open_image(path.read_bytes()), height=SIDE, width=SIDE, fit="crop")
        to_model_input(image, height=SIDE, width=SIDE, channels=3)

    clock = Clock()
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(files), CHUNK):
            list(pool.map(resized if resize else whole, files[start : start + CHUNK]))
    print(json.dumps({**clock.since(), "images": len(files)}), flush=True)


if __name__ == "__main__":
    main()
