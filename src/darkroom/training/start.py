"""The start of a training: its images, the model's configuration, and a classifier with fresh weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from darkroom.config import Params
from darkroom.data.splits import Meta, Split, join_splits, open_split, read_meta
from darkroom.models import processes
from darkroom.models.backbones import BACKBONES
from darkroom.models.backbones.folder import read_weights
from darkroom.models.backbones.net import TrunkNet
from darkroom.models.backbones.weights import Weights
from darkroom.models.classifier import Classifier, build_classifier
from darkroom.models.feature_heads import FEATURE_HEADS
from darkroom.models.heads import HEADS
from darkroom.models.inference import at_once, pixels_of, to_device
from darkroom.models.structures.fitting import check_labels
from darkroom.training.completion import with_known_labels

# Of the section `model`: what a net that is trained from scratch has no part of.
OF_BACKBONES = {"backbone", "tune_backbone", "ensemble", "weights", "head", "label_vectors", "structure"}


@dataclass(frozen=True)
class Start:
    """What a training starts from.

    Attributes:
        images: the training images, and the validation images too for a final fit.
        validation: the validation images.
        classifier: fresh, but for the weights of a backbone.
        config: as `model_config` returns, of the classifier.
    """

    images: Split
    validation: Split
    classifier: Classifier
    config: dict[str, Any]


def begin(params: Params, data: Path, weights: Weights | None, *, folder: Path) -> Start:
    """Open the splits of `data` and build the classifier.

    `folder` keeps the joined images of a final fit; a linear layer on a backbone joins features instead.
    Raises UserError where `model.structure` or `train.unknown_labels` cannot be used with so many labels.
    """
    images = open_split(data / "train").first(params.train.images)
    validation = open_split(data / "validation")
    images = with_known_labels(images, params.train, seed=params.seed)
    if params.train.use_validation and weights is None:
        images = join_for_final_fit(images, validation, folder / "joined")
    meta = read_meta(data / "meta.json")
    if params.model.structure != "none":  # before hours of training, not after them
        check_labels(params.model.structure, len(meta.classes))
    config = model_config(params, meta, weights)
    classifier = new_classifier(config, images, seed=params.seed, weights=weights)
    return Start(images, validation, classifier, config)


def backbone_weights(params: Params, *, folder: Path) -> Weights | None:
    """Return the weights of `model.backbone`, as the stage `backbone` wrote them; None where it is none."""
    if params.model.backbone == "none":
        return None
    return read_weights(folder, BACKBONES[params.model.backbone])


def model_config(params: Params, meta: Meta, weights: Weights | None = None) -> dict[str, Any]:
    """Return what `build_classifier` needs: the model's parameters, and classes and shape of the data.

    With the `weights` of a backbone that is: its name, licence, source and hash, and its own mean and
    deviation. Raises ValueError where params.yaml has a backbone and there are no weights.
    """
    config: dict[str, Any] = {
        "name": meta.name,
        "classes": list(meta.classes),
        "height": meta.height,
        "width": meta.width,
        "channels": meta.channels,
        "fit": meta.fit,
    }
    if meta.several:
        config["labels"] = "several"
    if weights is None:
        if params.model.backbone != "none":
            raise ValueError(f"model.backbone is {params.model.backbone}, which is not trained in this way")
        model = params.model.model_dump(mode="json", exclude=OF_BACKBONES)
        return {**config, "mean": list(meta.mean), "std": list(meta.std), **model}
    mean, std = weights.backbone.standardisation(meta.channels)
    described = {"architecture": weights.backbone.name, "backbone": weights.description()}
    if params.model.head in {*HEADS, *FEATURE_HEADS}:  # others are linear layers, however they were fitted
        described["head"] = params.model.head
    return {**config, "mean": mean, "std": std, **described, "views": params.model.views}


def new_classifier(
    config: dict[str, Any], train: Split, *, seed: int, weights: Weights | None = None
) -> Classifier:
    """Build a classifier with fresh weights drawn by `seed`, except the `weights` of a backbone.

    Weights that a net computes from images (a whitening stem) come from the first of `train`. Sets torch's
    global seed.
    """
    torch.manual_seed(seed)
    classifier = build_classifier(config)
    if weights is not None:
        assert isinstance(classifier.net, TrunkNet)
        classifier.net.trunk.load_state_dict(dict(weights.tensors))
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
