"""Logit adjustment: any loss on logits to which how frequent each class is was added."""

from collections.abc import Callable

from torch import Tensor


def adjusted(
    loss: Callable[[Tensor, Tensor], Tensor], counts: Tensor, *, strength: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a loss that adds `strength` times the logarithm of each class's share to the logits.

    In training alone (Menon et al. 2021, arXiv:2007.07314): the frequency of a class need not be learned, and
    at prediction, where nothing is added, the logits are those for classes equally frequent. `counts` are
    the training images of each class, int64 [classes]; none counts as half an image.

    >>> import torch
    >>> loss = adjusted(torch.nn.CrossEntropyLoss(), torch.tensor([30, 10]), strength=1)
    >>> loss(torch.zeros(1, 2), torch.tensor([0])).exp()  # of 40 images 30 are of class 0
    tensor(1.3333)
    """
    shares = counts.clamp(min=0.5) / counts.sum()
    added = strength * shares.log()
    return lambda logits, labels: loss(logits + added, labels)
