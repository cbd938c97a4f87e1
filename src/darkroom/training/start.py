"""Where a training starts: the model's configuration, and a classifier with fresh weights."""

from typing import Any

import torch

from darkroom.config import Params
from darkroom.data.splits import Meta, Split
from darkroom.models.classifier import Classifier, build_classifier
from darkroom.models.inference import to_device
from darkroom.models.networks.fast import WHITENING_IMAGES, FastNet


def model_config(params: Params, meta: Meta) -> dict[str, Any]:
    """Return all that `build_classifier` needs: the model's parameters and the data's shape."""
    return {
        "name": meta.name,
        "classes": list(meta.classes),
        "height": meta.height,
        "width": meta.width,
        "channels": meta.channels,
        "mean": list(meta.mean),
        "std": list(meta.std),
        **params.model.model_dump(mode="json"),
    }


def new_classifier(config: dict[str, Any], train: Split, *, seed: int) -> Classifier:
    """Build a classifier with fresh weights by `seed`; the whitening stem sees training images."""
    torch.manual_seed(seed)
    classifier = build_classifier(config)
    if isinstance(classifier.net, FastNet) and config["whitening"]:
        images = to_device(train.images[:WHITENING_IMAGES], torch.device("cpu"))
        classifier.net.whiten(classifier.standardise(images))
    return classifier
