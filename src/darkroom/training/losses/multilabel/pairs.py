"""Pairs of a label that an image has and one that it has not, which ranking losses compare."""

from torch import Tensor


def differences(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far the score of each no is above that of each yes, and which pairs there are.

    Both are [B,L,L]: of image, yes and no.

    >>> import torch
    >>> found, there = differences(torch.tensor([[1.0, 3.0]]), torch.tensor([[1, 0]]))
    >>> found[0, 0, 1], there[0].tolist()
    (tensor(2.), [[False, True], [False, False]])
    """
    pairs = (labels == 1)[:, :, None] & (labels == 0)[:, None, :]
    return logits[:, None, :] - logits[:, :, None], pairs
