"""Weights of the classes: what an image of a rare class counts in any loss, and one of a frequent class."""

from collections.abc import Callable

import torch
from torch import Tensor

# Cui et al. take 0.9 to 0.9999: with this many images a class has most of what more of them would teach.
OVERLAP = 0.999


def balanced(counts: Tensor) -> Tensor:
    """Return the weight of each class, float32 [classes], inverse to its training images int64 [classes].

    Weights have a mean of 1 over the images, so that a learning rate means the same; a class without images
    has 0.

    >>> balanced(torch.tensor([30, 10, 0]))
    tensor([0.6667, 2.0000, 0.0000])
    """
    return _normalised(1 / counts.double(), counts)


def effective(counts: Tensor) -> Tensor:
    """Return the weight of each class, float32 [classes], inverse to its effective number of images.

    That number is (1 - b^n) / (1 - b) for n images (Cui et al. 2019, arXiv:1901.05555), here with b =
    `OVERLAP`: it grows ever more slowly, since images of a class resemble each other.

    >>> effective(torch.tensor([3000, 1000, 0]))
    tensor([0.8883, 1.3350, 0.0000])
    """
    return _normalised((1 - OVERLAP) / (1 - OVERLAP ** counts.double()), counts)


CLASS_WEIGHTS: dict[str, Callable[[Tensor], Tensor]] = {"balanced": balanced, "effective": effective}


def weighted(loss: Callable[[Tensor, Tensor], Tensor], weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a loss in which each image counts as its class weighs, float32 [classes].

    With label smoothing too it is the whole loss of the image that is weighted; `weight` of torch's
    cross_entropy weighs the smoothed part by the other classes.

    >>> cross_entropy = torch.nn.CrossEntropyLoss(reduction="sum")
    >>> loss = weighted(cross_entropy, torch.tensor([0.5, 2.0]))
    >>> loss(torch.zeros(2, 2), torch.tensor([0, 1])) / torch.tensor(2.0).log()
    tensor(2.5000)
    """
    by_image = torch.func.vmap(lambda logits, label: loss(logits[None], label[None]))

    def total(logits: Tensor, labels: Tensor) -> Tensor:
        losses: Tensor = by_image(logits, labels)
        return (losses * weights[labels]).sum()

    return total


def _normalised(weights: Tensor, counts: Tensor) -> Tensor:
    weights = torch.where(counts > 0, weights, 0.0)
    return (weights * counts.sum() / (weights * counts).sum()).float()
