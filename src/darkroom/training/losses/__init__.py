"""Losses: one file a loss, found in `LOSSES` by its name in params.yaml (train.loss).

A loss is built from the section `train`, so that its own parameters reach it and nothing else changes.
train.class_weights and train.logit_adjustment change any of them for imbalanced data.
"""

from collections.abc import Callable

from torch import Tensor

from darkroom.config.train import Train
from darkroom.training.losses import cross_entropy
from darkroom.training.losses.class_weights import CLASS_WEIGHTS, weighted
from darkroom.training.losses.logit_adjustment import adjusted

# Logits float32 [B,classes] and labels int64 [B] to the loss, summed over the images: a scalar float32.
# A sum, so that the gradients of processes that share a batch add up to those of the whole batch.
Loss = Callable[[Tensor, Tensor], Tensor]

LOSSES: dict[str, Callable[[Train], Loss]] = {
    "cross_entropy": cross_entropy.build,
}


def build_loss(settings: Train, counts: Tensor) -> Loss:
    """Build the loss that `train.loss` names, changed for imbalanced data as `train` says.

    `counts` are the training images of each class, int64 [classes], on the device that trains.

    Raises ValueError for a name that is not in `LOSSES`.
    """
    if settings.loss not in LOSSES:
        raise ValueError(f"loss {settings.loss!r} is unknown: {', '.join(LOSSES)}")
    loss = LOSSES[settings.loss](settings)
    if settings.logit_adjustment:
        loss = adjusted(loss, counts, strength=settings.logit_adjustment)
    if settings.class_weights != "none":
        loss = weighted(loss, CLASS_WEIGHTS[settings.class_weights](counts))
    return loss
