"""Losses: one file a loss, found in `LOSSES` by its name in params.yaml (train.loss).

A loss is built from the section `train`, so that its own parameters reach it and nothing else changes.
"""

from collections.abc import Callable

from torch import Tensor

from darkroom.config.train import Train
from darkroom.training.losses import cross_entropy

# Logits float32 [B,classes] and labels int64 [B] to the loss, summed over the images: a scalar float32.
# A sum, so that the gradients of processes that share a batch add up to those of the whole batch.
Loss = Callable[[Tensor, Tensor], Tensor]

LOSSES: dict[str, Callable[[Train], Loss]] = {
    "cross_entropy": cross_entropy.build,
}


def build_loss(settings: Train) -> Loss:
    """Build the loss that `train.loss` names.

    Raises ValueError for a name that is not in `LOSSES`.
    """
    if settings.loss not in LOSSES:
        raise ValueError(f"loss {settings.loss!r} is unknown: {', '.join(LOSSES)}")
    return LOSSES[settings.loss](settings)
