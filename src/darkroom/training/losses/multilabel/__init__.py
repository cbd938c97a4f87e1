"""Losses of several labels: one file a loss, found in `LOSSES` by its name in params.yaml (train.loss).

Each takes logits float [B,L] and labels int8 or int64 [B,L] (1 yes, 0 no, -1 unknown) and returns the loss
of each image, float [B]. Unknown labels have no part in it: neither a value nor a gradient.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from darkroom.config.train import Train
from darkroom.training.losses.multilabel import (
    asymmetric,
    binary_cross_entropy,
    binary_focal,
    lsep,
    pairwise_hinge,
    softmax_set,
    warp,
)
from darkroom.training.losses.multilabel.label_weights import LABEL_WEIGHTS

# Logits and labels [B,L] to the loss of each image, [B].
LabelLoss = Callable[[Tensor, Tensor], Tensor]

# Each is built from the section `train` and the weight of a yes of each label, float32 [L].
LOSSES: dict[str, Callable[[Train, Tensor], LabelLoss]] = {
    "binary_cross_entropy": binary_cross_entropy.build,
    "binary_focal": binary_focal.build,
    "asymmetric": asymmetric.build,
    "pairwise_hinge": pairwise_hinge.build,
    "lsep": lsep.build,
    "warp": warp.build,
    "softmax_set": softmax_set.build,
}
# Those whose value is drawn, or has steps, so that a line search cannot minimise them.
NOISY = ("warp",)


def build_label_loss(settings: Train, labels: Tensor) -> LabelLoss:
    """Build the loss that `train.loss` names; `labels`, [N,L], are those of the training images.

    `train.class_weights` gives a yes of a rare label more weight, in every loss that has a term for it.

    Raises ValueError for a name that is not in `LOSSES`.
    """
    if settings.loss not in LOSSES:
        raise ValueError(f"loss {settings.loss!r} of several labels is unknown: {', '.join(LOSSES)}")
    yes, no = (labels == 1).sum(0), (labels == 0).sum(0)
    weights = torch.ones(labels.shape[1])
    if settings.class_weights != "none":
        weights = LABEL_WEIGHTS[settings.class_weights](yes, no)
    return LOSSES[settings.loss](settings, weights.to(labels.device))


def summed(loss: LabelLoss) -> LabelLoss:
    """Return a loss that is summed over the images, as the training loop adds it up: a scalar."""
    return lambda logits, labels: loss(logits, labels).sum()
