"""Which images are mirrored in which epoch."""

import torch
from torch import Tensor


def mirrored(count: int, epoch: int, *, seed: int, flip: str) -> Tensor:
    """Return which of `count` images are mirrored in an epoch (from 0), bool [count].

    `alternating`: at random in epoch 0, then every other time, so that two epochs show each image both ways
    (Jordan 2024, arXiv:2404.00498). `random`: at random in each epoch. `none`: no image.

    >>> first, second = (mirrored(4, epoch, seed=0, flip="alternating") for epoch in (0, 1))
    >>> bool((first ^ second).all())
    True
    >>> mirrored(2, 0, seed=0, flip="none")
    tensor([False, False])
    """
    if flip == "none":
        return torch.zeros(count, dtype=torch.bool)
    draw = seed if flip == "alternating" else seed * 100_003 + epoch
    coin = torch.rand(count, generator=torch.Generator().manual_seed(draw)) < 0.5
    return coin ^ (flip == "alternating" and epoch % 2 == 1)
