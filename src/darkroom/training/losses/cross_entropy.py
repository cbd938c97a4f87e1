"""Cross-entropy with label smoothing."""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from darkroom.config.train import Train


def cross_entropy(logits: Tensor, labels: Tensor, *, label_smoothing: float) -> Tensor:
    """Return the cross-entropy of logits float [B,classes] and labels int64 [B], summed over the images.

    `label_smoothing`, 0 to 1, is the probability taken from the true class and spread over all of them
    (Szegedy et al. 2016, arXiv:1512.00567).

    >>> import torch
    >>> logits = torch.zeros(3, 4)  # four classes, equally probable: each image has a loss of log 4
    >>> cross_entropy(logits, torch.tensor([0, 1, 2]), label_smoothing=0.1)
    tensor(4.1589)
    """
    return F.cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="sum")


def build(settings: Train) -> Callable[[Tensor, Tensor], Tensor]:
    """Build the loss from the section `train`: it uses `label_smoothing`."""
    return partial(cross_entropy, label_smoothing=settings.label_smoothing)
