"""Asymmetric loss (ASL): the many easy negatives count least, and the easiest not at all."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from darkroom.config.train import Train

GAMMA_YES, GAMMA_NO, MARGIN = 0.0, 4.0, 0.05  # the paper's, of MS-COCO
TINY = 1e-8  # probability below which a logarithm is cut off, as the authors' code does


def asymmetric(
    logits: Tensor,
    labels: Tensor,
    *,
    weights: Tensor,
    gamma_yes: float = GAMMA_YES,
    gamma_no: float = GAMMA_NO,
    margin: float = MARGIN,
) -> Tensor:
    """Return the asymmetric loss of each image, summed over its known labels: float [B].

    A focal loss with a `gamma` of its own for yes and no, in which `margin` is taken from the probability of
    a label that an image has not, 0 at least (Ben-Baruch et al. 2020, arXiv:2009.14119). Without a margin and
    with equal gammas it is `binary_focal`.

    >>> import torch
    >>> loss = asymmetric(torch.tensor([[-4.0, 0.0]]), torch.tensor([[0, -1]]), weights=torch.ones(2))
    >>> loss  # a probability of 0.018 is below the margin
    tensor([0.])
    """
    yes, no = (labels == 1).to(logits.dtype), (labels == 0).to(logits.dtype)
    p = logits.sigmoid()
    shifted = (p - margin).clamp(min=0)
    of_yes = -(p.clamp(min=TINY)).log() * (1 - p) ** gamma_yes * weights.to(logits.dtype)
    of_no = -((1 - shifted).clamp(min=TINY)).log() * shifted**gamma_no
    return (of_yes * yes + of_no * no).sum(1)


def build(settings: Train, weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Build the loss; nothing of `train` changes it but the weights."""
    return partial(asymmetric, weights=weights)
