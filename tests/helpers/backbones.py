"""What the tests of backbones share: random weights, so that no wheel is needed, and small images."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from darkroom.config import Params
from darkroom.data.splits import Meta, Split
from darkroom.models.backbones import BACKBONES
from darkroom.models.backbones.weights import Weights, find_weights
from darkroom.models.classifier import Classifier
from darkroom.training.start import model_config, new_classifier
from tests.helpers.training import tiny_params

LITE0 = BACKBONES["efficientnet_lite0"]
SIDE = 32


@cache
def random_tensors(seed: int = 0) -> dict[str, Tensor]:
    """Return random weights for EfficientNet-Lite0, whose features differ from image to image."""
    torch.manual_seed(seed)
    net = LITE0.build()
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_var is not None
            layer.running_var.uniform_(0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.3)
    return dict(net.state_dict())


def weights_file(folder: Path, *, seed: int = 0) -> Path:
    """Write random weights into `folder`; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"weights-{seed}.safetensors"
    save_file(random_tensors(seed), path)
    return path


def random_weights(folder: Path, *, seed: int = 0) -> Weights:
    """Return random weights, as model.weights: PATH finds them."""
    return find_weights(LITE0, str(weights_file(folder, seed=seed)), root=folder, cache=folder / "cache")


def coloured(count: int, *, seed: int = 0, channels: int = 3, side: int = SIDE) -> Split:
    """Return noisy images of three classes, each brighter in another third of its columns."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = random.integers(0, 120, (count, side, side, channels), dtype=np.uint8)
    for number, label in enumerate(labels):
        images[number, :, label * side // 3 : (label + 1) * side // 3] += 100
    return Split(images, labels)


def meta_of(split: Split) -> Meta:
    """Return what is known of such images."""
    _, height, width, channels = split.images.shape
    ones = (0.5,) * channels
    about = {"name": "made", "classes": ("left", "middle", "right"), "test_sha256": "", "tree": {}}
    return Meta(height=height, width=width, channels=channels, mean=ones, std=ones, **about)  # type: ignore[arg-type]


def backbone_params(**train: object) -> Params:
    """Return parameters of a training with a backbone."""
    return tiny_params({"model": {"backbone": "efficientnet_lite0"}, "train": train})


def coloured_sets(count: int, *, seed: int = 0, side: int = SIDE) -> Split:
    """Return images as `coloured` makes them, of three labels: each image has one, every fourth a second."""
    one = coloured(count, seed=seed, side=side)
    labels = np.eye(3, dtype=np.int8)[one.labels]
    images = one.images.copy()
    for number in range(0, count, 4):
        second = (int(one.labels[number]) + 1) % 3
        labels[number, second] = 1
        images[number, :, second * side // 3 : (second + 1) * side // 3] += 100
    return Split(images, labels)


def head_classifier(
    weights: Weights, split: Split, head: str, *, views: int = 1
) -> tuple[Classifier, dict[str, object]]:
    """Return a classifier of several labels with a fresh head on a backbone, and its configuration."""
    config = model_config(backbone_params(), meta_of(split), weights)
    config |= {"views": views, "labels": "several", "head": head}
    return new_classifier(config, split, seed=0, weights=weights), config


def backbone_classifier(
    weights: Weights, split: Split, *, views: int = 1
) -> tuple[Classifier, dict[str, object]]:
    """Return a classifier with a backbone and a fresh linear layer, and its configuration."""
    params = backbone_params()
    config = model_config(params, meta_of(split), weights) | {"views": views}
    return new_classifier(config, split, seed=0, weights=weights), config
