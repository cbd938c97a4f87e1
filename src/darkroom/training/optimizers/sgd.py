"""SGD with Nesterov momentum."""

import torch
from torch import nn
from torch.optim import Optimizer

from darkroom.training.optimizers.settings import OptimizerSettings, trained_weights

MOMENTUM = 0.9


def build(net: nn.Module, settings: OptimizerSettings) -> list[Optimizer]:
    """Build SGD with a Nesterov momentum of 0.9; weight decay comes before the momentum, as is usual."""
    return [
        torch.optim.SGD(
            trained_weights(net).values(),
            lr=settings.learning_rate,
            momentum=MOMENTUM,
            nesterov=True,
            weight_decay=settings.decay,
        )
    ]
