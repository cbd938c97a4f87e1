"""Softmax over the label set: an image's labels share its probability equally."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from darkroom.config.train import Train


def softmax_set(logits: Tensor, labels: Tensor, *, weights: Tensor) -> Tensor:
    """Return the cross-entropy of a softmax with a target of 1/k for each of an image's k labels: float [B].

    Gong et al. 2014 (arXiv:1312.4894), section 3.1; Mahajan et al. 2018 (arXiv:1805.00932). Unknown labels
    are in no sum. An image without any label has a loss of 0: the softmax cannot say "none", so what it
    learns is an order. Labels count as their weights.

    >>> labels = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0]])
    >>> softmax_set(torch.zeros(2, 4), labels, weights=torch.ones(4)) / torch.tensor(4.0).log()
    tensor([1., 0.])
    """
    yes = (labels == 1).to(logits.dtype) * weights.to(logits.dtype)
    target = yes / yes.sum(1, keepdim=True).clamp(min=1e-12)
    known = logits.masked_fill((labels < 0), -torch.inf)
    everything = known.logsumexp(1, keepdim=True).masked_fill((labels < 0).all(1, keepdim=True), 0.0)
    return (target * (everything - logits)).sum(1)


def build(settings: Train, weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Build the loss; nothing of `train` changes it but the weights."""
    return partial(softmax_set, weights=weights)
