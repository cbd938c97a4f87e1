"""Adam with decoupled weight decay."""

import torch
from torch import nn
from torch.optim import Optimizer

from darkroom.training.optimizers.settings import OptimizerSettings, trained_weights


def build(net: nn.Module, settings: OptimizerSettings) -> list[Optimizer]:
    """Build AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101).

    The weight decay is decoupled, because Adam's second moment would scale an L2 term away.
    """
    weights = trained_weights(net).values()
    return [torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=settings.decay)]
