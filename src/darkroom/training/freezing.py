"""Freezing: layers that stop learning before the end of the training."""

from collections.abc import Sequence

from torch.optim import Optimizer

from darkroom.models.networks.net import Net


def freeze(net: Net, optimizers: Sequence[Optimizer], done: float, *, first_block_until: float) -> None:
    """Stop computing gradients of the first layers, and of weights whose learning rate stays at 0.

    `done` and `first_block_until` are shares of the training. The first layers see the widest maps, so the
    backward pass takes a quarter less time without them. After FreezeOut (Brock et al. 2017,
    arXiv:1706.04983), where the learning rate falls to 0 first; here the layers stop at once.
    """
    if done >= first_block_until:
        for layer in net.first_layers():
            layer.requires_grad_(False)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if done >= group["stops"]:
                for weight in group["params"]:
                    weight.requires_grad_(False)
