"""Focal loss: what is right already counts little."""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from darkroom.config.train import Train

GAMMA = 2.0  # the paper's


def binary_focal(logits: Tensor, labels: Tensor, *, weights: Tensor, gamma: float = GAMMA) -> Tensor:
    """Return the focal loss of each image, summed over its known labels: float [B].

    The cross-entropy of a label times (1 - p)^gamma, where p is the probability of the right answer (Lin et
    al. 2017, arXiv:1708.02002); `gamma` 0 is `binary_cross_entropy`.

    >>> import torch
    >>> loss = binary_focal(torch.zeros(1, 2), torch.tensor([[1, -1]]), weights=torch.ones(2))
    >>> loss / torch.tensor(2.0).log()
    tensor([0.2500])
    """
    yes, known = (labels == 1).to(logits.dtype), labels >= 0
    margin = logits * (2 * yes - 1)  # the logit of the right answer
    weight = 1 + yes * (weights.to(logits.dtype) - 1)
    return (-F.logsigmoid(margin) * (-margin).sigmoid() ** gamma * weight * known).sum(1)


def build(settings: Train, weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Build the loss; nothing of `train` changes it but the weights."""
    return partial(binary_focal, weights=weights)
