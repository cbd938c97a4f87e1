"""Pairwise ranking with a hinge: each label that is there above each that is not, by a margin."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from darkroom.config.train import Train
from darkroom.training.losses.multilabel.pairs import differences

MARGIN = 1.0


def pairwise_hinge(logits: Tensor, labels: Tensor, *, weights: Tensor, margin: float = MARGIN) -> Tensor:
    """Return the hinge loss of each image, the mean over its pairs of a yes and a no: float [B].

    max(0, margin + no - yes), as in Gong et al. 2014 (arXiv:1312.4894). An image with all labels or none has
    no pair and a loss of 0. It takes O(L^2) memory an image. Each pair counts as the weight of its yes.

    >>> import torch
    >>> labels = torch.tensor([[1, 0, 0]])
    >>> pairwise_hinge(torch.tensor([[0.5, 0.0, -2.0]]), labels, weights=torch.ones(3))
    tensor([0.2500])
    """
    above, pairs = differences(logits, labels)
    each = (margin + above).clamp(min=0) * pairs * weights.to(logits.dtype)[:, None]
    return each.sum((1, 2)) / pairs.sum((1, 2)).clamp(min=1)


def build(settings: Train, weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Build the loss; nothing of `train` changes it but the weights."""
    return partial(pairwise_hinge, weights=weights)
