"""What the tests of the training side share: tiny parameters, and the digits as splits."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

import darkroom
from darkroom.config import Params, parse_params, read_yaml
from darkroom.config.trees import merge
from darkroom.data.report import channel_statistics
from darkroom.data.sources import read_raw
from darkroom.data.sources.raw import Raw
from darkroom.data.splits import Meta, Split
from darkroom.data.splitting import split_indices

PARAMS = Path(darkroom.__file__).parents[2] / "params.yaml"

TINY = {
    "data": {"name": "digits"},
    "model": {"widths": [8, 16], "convolutions": 2, "hidden": 32, "views": 1, "dropout": 0.1},
    "augment": {"flip": "none", "translate": 1, "cutout": 0},
    "train": {
        "epochs": 3,
        "batch_size": 64,
        "low_resolutions": [],
        "hardest_share": 1.0,
        "first_block_until": 1.0,
        "precision": "fp32",
        "device": "cpu",
    },
}
CLASSIC = {"architecture": "classic"}
ADAM = {"optimizer": "adam", "learning_rate": 0.003}


def tiny_params(changes: Mapping[str, Any] | None = None) -> Params:
    """Return params.yaml cut down to a training of a second, with `changes` laid over it."""
    return parse_params(merge(_params_tree(), merge(TINY, changes or {})))


@cache
def _params_tree() -> dict[str, Any]:
    """Return what params.yaml holds; reading it takes longer than many a test."""
    return read_yaml(PARAMS)


@cache
def digits() -> Raw:
    """Return the digits, read from the file inside scikit-learn."""
    with as_file(files("sklearn.datasets.data") / "digits.csv.gz") as path:
        return read_raw("digits", path.parent)


@cache
def digits_splits() -> tuple[Split, Split, Meta]:
    """Return training and validation part of the digits and what is known of them."""
    raw = digits()
    train, validation = split_indices(raw.train.labels, validation_fraction=0.2, seed=0)
    parts = [Split(raw.train.images[part], raw.train.labels[part]) for part in (train, validation)]
    mean, std = channel_statistics(parts[0].images)
    meta = Meta(
        name="digits",
        classes=raw.classes,
        height=8,
        width=8,
        channels=1,
        mean=tuple(mean),
        std=tuple(std),
        test_sha256="",
        tree={},
    )
    return parts[0], parts[1], meta


def random_split(count: int, seed: int) -> Split:
    """Return random images of 4x4 pixels in two classes."""
    rng = np.random.default_rng(seed)
    return Split(rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8), np.arange(count) % 2)
