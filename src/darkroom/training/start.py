"""The start of a training: its images, the model's configuration, and a classifier with fresh weights."""

from pathlib import Path
from typing import Any

import torch

from darkroom.config import Params
from darkroom.data.splits import Meta, Split, join_splits, open_split
from darkroom.models import processes
from darkroom.models.classifier import Classifier, build_classifier
from darkroom.models.inference import at_once, pixels_of, to_device


def model_config(params: Params, meta: Meta) -> dict[str, Any]:
    """Return what `build_classifier` needs: the model's parameters, and classes and shape of the data."""
    return {
        "name": meta.name,
        "classes": list(meta.classes),
        "height": meta.height,
        "width": meta.width,
        "channels": meta.channels,
        "fit": meta.fit,
        "mean": list(meta.mean),
        "std": list(meta.std),
        **params.model.model_dump(mode="json"),
    }


def new_classifier(config: dict[str, Any], train: Split, *, seed: int) -> Classifier:
    """Build a classifier with fresh weights drawn by `seed`.

    Weights that a net computes from images (a whitening stem) come from the first of `train`. Sets torch's
    global seed.
    """
    torch.manual_seed(seed)
    classifier = build_classifier(config)
    if count := classifier.net.prepared_from:
        few = at_once(count, pixels=pixels_of(train))
        images = to_device(train.images[:few], torch.device("cpu"))
        classifier.net.prepare(classifier.standardise(images))
    return classifier


def join_for_final_fit(train: Split, validation: Split, folder: Path) -> Split:
    """Write training and validation images into `folder` as one split, and open it.

    Of several processes the first writes and the others wait.
    """
    if processes.rank() == 0:
        join_splits(folder, [train, validation])
    processes.wait()
    return open_split(folder)
