"""Which images are mirrored in which epoch."""

import torch
from torch import Tensor


def mirrored(count: int, epoch: int, *, seed: int, flip: str) -> Tensor:
    """Say which images are mirrored, bool [count].

    `alternating`: by chance in epoch 0, then every other time, so that each image is shown both ways in
    two epochs (Jordan 2024, arXiv:2404.00498). `random`: by chance each time. `none`: not one.
    """
    if flip == "none":
        return torch.zeros(count, dtype=torch.bool)
    draw = seed if flip == "alternating" else seed * 100_003 + epoch
    coin = torch.rand(count, generator=torch.Generator().manual_seed(draw)) < 0.5
    return coin ^ (flip == "alternating" and epoch % 2 == 1)
