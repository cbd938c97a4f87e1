"""Layers that stop learning before the end."""

from collections.abc import Sequence

from torch import nn
from torch.optim import Optimizer

from darkroom.models.networks.fast import FastNet


def freeze(net: nn.Module, optimizers: Sequence[Optimizer], done: float, *, first_block_until: float) -> None:
    """Stop computing gradients of weights whose rate has come to 0 for good, and of the first layers.

    Those see the widest maps, so the backward pass is shorter by a quarter without them (FreezeOut, Brock
    et al. 2017, arXiv:1706.04983, where the rate comes to 0 before; here they stop).
    """
    if isinstance(net, FastNet) and done >= first_block_until:
        net.whitening.requires_grad_(False)
        net.blocks[0].requires_grad_(False)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if done >= group["stops"]:
                for weight in group["params"]:
                    weight.requires_grad_(False)
