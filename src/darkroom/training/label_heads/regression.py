"""What the heads share that fit labels by least squares."""

from collections.abc import Iterator

import torch
from torch import Tensor

RIDGES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)  # beside features of deviation 1
STEEPNESS = 4.0  # of the sigmoid's tangent at 1/2, by which a regression to 0 and 1 becomes a logit


def centred(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return labels [N,L] less their means, float64, and the means [L]; unknown ones are 0.

    >>> values, mean = centred(torch.tensor([[1], [0], [-1]]))
    >>> values[:, 0].tolist(), mean.tolist()
    ([0.5, -0.5, 0.0], [0.5])
    """
    known, yes = labels >= 0, (labels == 1).double()
    mean = (yes * known).sum(0) / known.sum(0).clamp(min=1)
    return torch.where(known, yes - mean, 0.0), mean


def ridges(features: Tensor, targets: Tensor) -> Iterator[tuple[float, Tensor]]:
    """Yield each of `RIDGES` with the weights [T,F] of ridge regression to targets [N,T].

    The covariance of the features [N,F] is decomposed once for all of them.
    """
    count = len(features)
    size, basis = torch.linalg.eigh(features.T @ features / count)
    onto = basis.T @ (features.T @ targets) / count
    for ridge in RIDGES:
        yield ridge, (basis @ (onto / (size.clamp(min=0) + ridge)[:, None])).T


def as_layer(weight: Tensor, mean: Tensor) -> Tensor:
    """Return the layer of logits [L,F+1] of a regression of labels with weights [L,F] and means [L]."""
    return STEEPNESS * torch.cat([weight, (mean - 0.5)[:, None]], dim=1)
