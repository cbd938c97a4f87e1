"""Sigmoid cross-entropy: each label is a question of its own."""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from darkroom.config.train import Train


def binary_cross_entropy(
    logits: Tensor, labels: Tensor, *, weights: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """Return the cross-entropy of each image, summed over its known labels: float [B].

    Args:
        logits: float [B,L].
        labels: [B,L]: 1, 0, or -1 for unknown.
        weights: of a yes of each label, [L].
        label_smoothing: probability taken from the answer and spread over yes and no, 0 to 1.

    >>> import torch
    >>> loss = binary_cross_entropy(torch.zeros(1, 3), torch.tensor([[1, 0, -1]]), weights=torch.ones(3))
    >>> loss / torch.tensor(2.0).log()  # two known labels, each as probable as not
    tensor([2.])
    """
    yes, known = (labels == 1).to(logits.dtype), labels >= 0
    target = yes * (1 - label_smoothing) + label_smoothing / 2
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    weight = 1 + yes * (weights.to(logits.dtype) - 1)
    return (each * weight * known).sum(1)


def build(settings: Train, weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Build the loss from the section `train`: it uses `label_smoothing`."""
    return partial(binary_cross_entropy, weights=weights, label_smoothing=settings.label_smoothing)
