"""Weights of a yes: what an image with a rare label counts, beside the images without it."""

from collections.abc import Callable

import torch
from torch import Tensor

from darkroom.training.losses.class_weights import OVERLAP

LARGEST = 20.0  # of a label that a handful of images have, and that would outweigh all others


def balanced(yes: Tensor, no: Tensor) -> Tensor:
    """Return the weight of a yes of each label, float32 [L]: images without it for each one with it.

    `LARGEST` at most; 1 for a label that no image has.

    >>> balanced(torch.tensor([10, 0, 1]), torch.tensor([30, 40, 39]))
    tensor([ 3.,  1., 20.])
    """
    return torch.where(yes > 0, no / yes.clamp(min=1), 1.0).clamp(max=LARGEST).float()


def effective(yes: Tensor, no: Tensor) -> Tensor:
    """Return the weight of a yes of each label, float32 [L], by the effective numbers of images.

    As `balanced`, with (1 - b^n) / (1 - b) in place of n images (Cui et al. 2019, arXiv:1901.05555), which is
    milder.

    >>> effective(torch.tensor([1000]), torch.tensor([3000]))
    tensor([1.5029])
    """
    return balanced(_effective(yes), _effective(no))


LABEL_WEIGHTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"balanced": balanced, "effective": effective}


def _effective(counts: Tensor) -> Tensor:
    return (1 - OVERLAP ** counts.double()) / (1 - OVERLAP)
