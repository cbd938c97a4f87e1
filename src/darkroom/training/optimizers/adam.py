"""Adam with decoupled weight decay."""

import torch
from torch import nn
from torch.optim import Optimizer

from darkroom.models.networks.net import Net
from darkroom.training.optimizers.settings import OptimizerSettings, trained_weights


def build(net: nn.Module, settings: OptimizerSettings) -> list[Optimizer]:
    """Build AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101).

    The weight decay is decoupled, because Adam's second moment would scale an L2 term away. The weights of a
    net with `rate_shares` learn with these shares of the rate, and decay by them.
    """
    shares = net.rate_shares() if isinstance(net, Net) else {}
    groups: dict[float, list[nn.Parameter]] = {}
    for name, weight in trained_weights(net).items():
        groups.setdefault(shares.get(name, 1.0), []).append(weight)
    # the largest share first: the curve shows the rate of the first group
    rated = [
        {"params": weights, "lr": settings.learning_rate * share}
        for share, weights in sorted(groups.items(), reverse=True)
    ]
    return [torch.optim.AdamW(rated, lr=settings.learning_rate, weight_decay=settings.decay)]
