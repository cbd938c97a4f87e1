"""Canonical correlation analysis: directions in which features and labels agree most."""

from collections.abc import Iterator

import torch
from torch import Tensor

from darkroom.training.label_heads.regression import RIDGES, as_layer, centred

LABEL_RIDGE = 1e-3  # beside the labels' covariance, whose smallest values are of rare labels
KEPT = 0.75  # of the directions, the most correlated first


def cca(features: Tensor, labels: Tensor, seed: int) -> Iterator[tuple[float, Tensor]]:
    """Yield a layer for each ridge, by canonical correlations.

    Hotelling 1936, "Relations between two sets of variates"; for labels Sun, Ji and Ye 2011, "Canonical
    correlation analysis for multilabel classification". The labels are regressed to the `KEPT` most
    correlated canonical directions of the features alone. It costs a decomposition of the features'
    covariance, O(F^3), and one of [F,L] for each ridge. `seed` has no part.
    """
    codes, mean = centred(labels)
    kept = max(1, round(KEPT * labels.shape[1]))
    size, basis = torch.linalg.eigh(features.T @ features / len(features))
    for ridge in RIDGES:
        white = (size.clamp(min=0) + ridge).rsqrt()
        of_features, correlation, of_labels = directions(features, codes, basis=basis, white=white)
        onto = of_features[:, :kept] * correlation[:kept]  # [F,k]
        yield ridge, as_layer((onto @ of_labels[:, :kept].T).T, mean)


def directions(
    features: Tensor, codes: Tensor, *, basis: Tensor, white: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return canonical directions of features [F,k], correlations [k], and what they say of labels [L,k].

    Args:
        features: float64 [N,F], with means of 0.
        codes: labels float64 [N,L], with means of 0.
        basis: eigenvectors of the features' covariance, [F,F].
        white: of each of them what brings it to a deviation of 1, [F].
    """
    count = len(features)
    covariance = codes.T @ codes / count
    of_codes, label_basis = torch.linalg.eigh(covariance + LABEL_RIDGE * torch.eye(codes.shape[1]).double())
    root = of_codes.clamp(min=0).sqrt()
    whitened = (white[:, None] * (basis.T @ (features.T @ codes) / count)) @ (label_basis / root)
    left, correlation, right = torch.linalg.svd(whitened, full_matrices=False)
    return basis @ (white[:, None] * left), correlation, (label_basis * root) @ right.T
