"""The members of an ensemble: linear layers on the backbone at several sizes, and a net from scratch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax

from darkroom import UserError
from darkroom.config import Params
from darkroom.data.splits import Split
from darkroom.models.backbones.compiled import image_views
from darkroom.models.backbones.net import BackboneNet
from darkroom.models.classifier import Classifier
from darkroom.models.ensemble import build_member
from darkroom.models.inference import predict_logits
from darkroom.models.networks.net import Net
from darkroom.training.ensembles.selection import combined, log_loss
from darkroom.training.ensembles.soup import Weights, greedy_soup
from darkroom.training.features import OnBackbone, Part
from darkroom.training.head import Layer, labelled_views, set_layer, train_head

TEMPERATURES = np.geomspace(0.1, 10, 93).round(3)  # each a twentieth above the one before


@dataclass(frozen=True)
class Member:
    """A member that may be part of an ensemble.

    Attributes:
        name: for people.
        changes: what its configuration has that the whole one has not, as in
            `darkroom.models.ensemble.build`.
        net: trained, from images as the whole classifier standardises them to logits.
        temperature: by which its logits are divided, before members are averaged.
        logs: log-probabilities of the validation images then, float32 [V,N,C], with V views.
    """

    name: str
    changes: Mapping[str, Any]
    net: Net
    temperature: float
    logs: NDArray[np.float32]


def linear_member(on: OnBackbone, validation: Part, layers: Sequence[Layer]) -> Member:
    """Return the classifier of `on` as a member, after giving it the greedy soup of the linear layers.

    Args:
        on: a classifier on a backbone.
        validation: the validation images, which choose the ingredients by their log-loss.
        layers: linear layers for its features, of different strengths.
    """
    net = on.classifier.net
    assert isinstance(net, BackboneNet)
    labels = validation.split.labels
    views = [
        view.features.double() for view in labelled_views(validation, on, mirrored=on.classifier.views > 1)
    ]

    def score(layer: Weights) -> float:
        logits = np.stack([(view @ layer["weight"].T + layer["bias"]).numpy() for view in views])
        return -best_temperature(logits, labels)[1]

    soup, of = greedy_soup([{"weight": weight, "bias": bias} for weight, bias in layers], score)
    set_layer(on.classifier, soup["weight"], soup["bias"])
    seen_at = on.config.get("seen_at")
    height, width = seen_at or (on.config["height"], on.config["width"])
    changes = {"seen_at": list(seen_at)} if seen_at else {}
    with torch.inference_mode():
        logits = torch.stack([net.head(view.float()) for view in views]).numpy()
    mixed = f", the mean of {len(of)} strengths" if len(of) > 1 else ""
    name = f"linear layer at {width} by {height} pixels{mixed}"
    return calibrated(name, changes, net, np.asarray(logits), labels)


def calibrated(
    name: str,
    changes: Mapping[str, Any],
    net: Net,
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
) -> Member:
    """Return a member with the temperature of `TEMPERATURES` at which its log-loss is smallest.

    Args:
        name: of the member.
        changes: as in `Member`.
        net: as in `Member`.
        logits: of the validation images, [V,N,C] with V views.
        labels: of these images, [N].
    """
    temperature, _ = best_temperature(logits, labels)
    return Member(name, changes, net, temperature, log_probabilities(logits / np.float32(temperature)))


def best_temperature(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Return the temperature with the smallest log-loss of logits [V,N,C] for labels [N], and that loss."""
    each = [log_loss(combined(log_probabilities(logits / t)[None], np.ones(1)), labels) for t in TEMPERATURES]
    best = int(np.argmin(each))
    return float(TEMPERATURES[best]), each[best]


def log_probabilities(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return log-probabilities float32 from logits [...,C]."""
    return np.asarray(log_softmax(logits, axis=-1), np.float32)


def resized(on: OnBackbone, side: int) -> OnBackbone:
    """Return what `on` is, with a fresh linear layer on images whose shorter side is resized to `side`.

    The trunk is the same object. Raises UserError where the images have that size already.
    """
    before = (on.config["height"], on.config["width"])
    seen_at = tuple(round(size * side / min(before)) for size in before)
    if seen_at == before:
        raise UserError(
            f"model.ensemble names {side}, which is the shorter side of the images already: leave it out"
        )
    config = {**on.config, "seen_at": seen_at}
    net, trunk_of = build_member(config, {}), on.classifier.net
    assert isinstance(net, BackboneNet)
    assert isinstance(trunk_of, BackboneNet)
    net.trunk = trunk_of.trunk
    classifier = Classifier(net, mean=config["mean"], std=config["std"], views=config["views"]).eval()
    return replace(on, classifier=classifier, config=config)


def train_resized(on: OnBackbone, side: int, train: Part, validation: Part, *, params: Params) -> Member:
    """Fit a linear layer to the features of images whose shorter side is `side`: a member."""
    own, layers = resized(on, side), list[Layer]()
    train_head(own, train, validation, params=params, on_layer=layers.append)
    return linear_member(own, validation, layers)


def image_logits(net: Net, on: OnBackbone, split: Split) -> NDArray[np.float32]:
    """Return the logits float32 [V,N,C] of a split by `net`, standardised and viewed as by that of `on`."""
    of_view = Classifier(net, mean=on.config["mean"], std=on.config["std"], views=1)
    views = image_views(split.images, on.config["views"])
    each = [predict_logits(of_view, Split(images, split.labels), device=on.device) for images in views]
    net.to("cpu")
    return np.stack(each)


def tuned_member(net: BackboneNet, on: OnBackbone, validation: Part, *, what: str) -> Member:
    """Return a fine-tuned net as a member; `what` of its backbone was trained, as in model.tune_backbone."""
    logits = image_logits(net, on, validation.split)
    return calibrated(f"fine-tuned ({what})", {"tune_backbone": what}, net, logits, validation.split.labels)
