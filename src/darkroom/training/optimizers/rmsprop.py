"""RMSprop with decoupled weight decay."""

import torch
from torch import nn
from torch.optim import Optimizer

from darkroom.training.optimizers.settings import OptimizerSettings, trained_weights


class RMSprop(torch.optim.RMSprop):
    """RMSprop with decoupled weight decay, as AdamW's.

    Torch's own adds the decay to the gradient, whose size RMSprop then divides away. A group's `decay` is
    the share of a weight removed per step at a rate of 1.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # none re-evaluates the loss
        """Shrink the weights, then take RMSprop's step."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["decay"])
        super().step()


def build(net: nn.Module, settings: OptimizerSettings) -> list[Optimizer]:
    """Build RMSprop with decoupled weight decay."""
    group = {"params": list(trained_weights(net).values()), "decay": settings.decay}
    return [RMSprop([group], lr=settings.learning_rate)]
