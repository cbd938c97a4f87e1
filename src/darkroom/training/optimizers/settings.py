"""What every optimizer is built from."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """What every optimizer is built from.

    Attributes:
        learning_rate: at its peak.
        weight_decay: the share of a weight that is removed per image seen, at the peak rate.
        batch_size: images a step.
        stem_until: the share of training after which the biases of a whitening stem stop learning (Muon).
        precision: the dtype of the products that make Muon's steps orthogonal.
    """

    learning_rate: float
    weight_decay: float
    batch_size: int
    stem_until: float = 1.0
    precision: torch.dtype = torch.float32

    @property
    def decay(self) -> float:
        """The weight decay in torch's sense: a step removes this times the learning rate.

        >>> OptimizerSettings(learning_rate=0.1, weight_decay=1e-6, batch_size=500).decay
        0.005
        """
        return self.weight_decay * self.batch_size / self.learning_rate


def trained_weights(net: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights of `net` that take gradients, by name."""
    return {name: weight for name, weight in net.named_parameters() if weight.requires_grad}
