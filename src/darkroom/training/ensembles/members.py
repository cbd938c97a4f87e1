"""The members of an ensemble: linear layers on the backbone at several sizes, and a net from scratch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.config import Params
from darkroom.models.backbones.net import BackboneNet
from darkroom.models.classifier import Classifier
from darkroom.models.ensemble import build_member
from darkroom.models.networks.net import Net
from darkroom.training.features import OnBackbone, Part
from darkroom.training.head import labelled_views, train_head


@dataclass(frozen=True)
class Member:
    """A member that may be part of an ensemble.

    Attributes:
        name: for people.
        changes: what its configuration has that the whole one has not, as in
            `darkroom.models.ensemble.build`.
        net: trained, from images as the whole classifier standardises them to logits.
        logs: log-probabilities of the validation images, float32 [V,N,C], with V views.
    """

    name: str
    changes: Mapping[str, Any]
    net: Net
    logs: NDArray[np.float32]


def linear_member(on: OnBackbone, validation: Part) -> Member:
    """Return the classifier of `on`, whose linear layer is fitted, as a member."""
    net = on.classifier.net
    assert isinstance(net, BackboneNet)
    seen_at = on.config.get("seen_at")
    height, width = seen_at or (on.config["height"], on.config["width"])
    changes = {"seen_at": list(seen_at)} if seen_at else {}
    logs = feature_logs(on, validation)
    return Member(f"linear layer at {width} by {height} pixels", changes, net, logs)


def resized(on: OnBackbone, side: int) -> OnBackbone:
    """Return what `on` is, with a fresh linear layer on images whose shorter side is resized to `side`.

    The trunk is the same object.
    """
    before = (on.config["height"], on.config["width"])
    seen_at = tuple(round(size * side / min(before)) for size in before)
    config = {**on.config, "seen_at": seen_at}
    net, trunk_of = build_member(config, {}), on.classifier.net
    assert isinstance(net, BackboneNet)
    assert isinstance(trunk_of, BackboneNet)
    net.trunk = trunk_of.trunk
    classifier = Classifier(net, mean=config["mean"], std=config["std"], views=config["views"]).eval()
    return replace(on, classifier=classifier, config=config)


def train_resized(on: OnBackbone, side: int, train: Part, validation: Part, *, params: Params) -> Member:
    """Fit a linear layer to the features of images whose shorter side is `side`: a member."""
    own = resized(on, side)
    train_head(own, train, validation, params=params)
    return linear_member(own, validation)


def feature_logs(on: OnBackbone, part: Part) -> NDArray[np.float32]:
    """Return the log-probabilities [V,N,C] by a linear layer on the features of `part`, which are kept."""
    net = on.classifier.to("cpu").eval().net
    assert isinstance(net, BackboneNet)
    views = labelled_views(part, on, mirrored=on.classifier.views > 1)
    with torch.inference_mode():
        return torch.stack([net.head(view.features).log_softmax(1) for view in views]).numpy()
