"""Log-sum-exp pairwise ranking (LSEP): a smooth pairwise ranking loss."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from darkroom.config.train import Train
from darkroom.training.losses.multilabel.pairs import differences


def lsep(logits: Tensor, labels: Tensor, *, weights: Tensor) -> Tensor:
    """Return log(1 + sum of exp(no - yes)) over the pairs of a yes and a no of each image: float [B].

    Li, Song and Luo 2017 (arXiv:1704.03135). An image with all labels or none has no pair and a loss of 0. It
    takes O(L^2) memory an image. Each pair counts as the weight of its yes.

    >>> labels = torch.tensor([[1, 0], [0, 0]])
    >>> lsep(torch.zeros(2, 2), labels, weights=torch.ones(2)) / torch.tensor(2.0).log()
    tensor([1., 0.])
    """
    above, pairs = differences(logits, labels)
    each = (above + weights.to(logits.dtype).log()[:, None]).masked_fill(~pairs, -torch.inf)
    zero = torch.zeros(len(logits), 1, dtype=logits.dtype, device=logits.device)
    return torch.cat([each.flatten(1), zero], dim=1).logsumexp(1)


def build(settings: Train, weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Build the loss; nothing of `train` changes it but the weights."""
    return partial(lsep, weights=weights)
