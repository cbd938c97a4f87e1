"""Principal label space transformation: regression to the directions in which labels vary most."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from darkroom.training.label_heads.regression import as_layer, centred, ridges

KEPT = 0.9  # of the labels' variance, in the directions that are regressed to


def principal_labels(features: Tensor, labels: Tensor, seed: int) -> Iterator[tuple[float, Tensor]]:
    """Yield a layer for each ridge, by regression to the labels' principal directions.

    Tai and Lin 2012, "Multilabel classification with principal label space transformation". The labels less
    their means are projected on their first principal directions, as many as hold `KEPT` of the variance; a
    ridge regression to these is projected back. It costs one regression a direction, so it is cheap where
    there are many labels. `seed` has no part.
    """
    codes, mean = centred(labels)
    directions = principal_directions(codes, kept=KEPT)
    for ridge, weight in ridges(features, codes @ directions):
        yield ridge, as_layer(directions @ weight, mean)


def principal_directions(codes: Tensor, *, kept: float) -> Tensor:
    """Return the fewest orthonormal directions [L,k] that hold this share of the variance of codes [N,L].

    >>> codes = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0]])
    >>> principal_directions(codes, kept=0.9).abs().round(decimals=3)
    tensor([[0.7070],
            [0.7070]])
    """
    size, basis = torch.linalg.eigh(codes.T @ codes)
    size, basis = size.flip(0).clamp(min=0), basis.flip(1)
    share = size.cumsum(0) / size.sum().clamp(min=math.ulp(1.0))
    directions: Tensor = basis[:, : int((share < kept).sum()) + 1]
    return directions
