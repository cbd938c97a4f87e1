"""DeViSE: images are mapped to vectors that labels have already."""

from collections.abc import Iterator

import torch
from torch import Tensor

from darkroom.training.label_heads.steps import minimise_by_adam
from darkroom.training.losses.multilabel.pairwise_hinge import pairwise_hinge

DIMENSIONS = 64  # of the labels' vectors, at most
MARGIN = 1.0
STRENGTHS = (0.01, 0.003, 0.001, 0.0003, 0.0001)


def devise(
    features: Tensor, labels: Tensor, seed: int, *, vectors: Tensor | None = None
) -> Iterator[tuple[float, Tensor]]:
    """Yield a layer for each strength, a map of features to vectors that labels have.

    Frome et al. 2013, "DeViSE: a deep visual-semantic embedding model". A linear map of the features is
    learned by a pairwise hinge, so that its product with the vectors of labels that are there is higher
    than with others'. The vectors stay as they are: `vectors` [L,D], or where there are none those of the
    labels' co-occurrence in training (`label_vectors`). With vectors a label that no training image has is no
    wrong answer in the loss, and what was learned of the others ranks images by it too. Half of the strength
    times the squares of the map is a penalty. It takes O(L^2) memory an image in a batch, so it is for
    hundreds of labels.
    """
    if vectors is None:
        vectors = label_vectors(labels, dimensions=DIMENSIONS)
    else:
        unseen = (labels == 1).sum(0) == 0
        labels = torch.where(unseen, -1, labels)
    vectors = vectors.float()
    narrow = torch.cat([features, torch.ones(len(features), 1)], dim=1).float()  # with the map's offset
    ones = torch.ones(labels.shape[1])
    for strength in STRENGTHS:
        images = torch.zeros(vectors.shape[1], narrow.shape[1])

        def loss(places: Tensor, images: Tensor = images) -> Tensor:
            scores = narrow[places] @ images.T @ vectors.T
            return pairwise_hinge(scores, labels[places], weights=ones, margin=MARGIN).mean()

        def penalty(images: Tensor = images, strength: float = strength) -> Tensor:
            return strength / 2 * images[:, :-1].square().sum()

        minimise_by_adam([images], loss, penalty, images=len(labels), seed=seed)
        yield strength, (vectors @ images).double()


def label_vectors(labels: Tensor, *, dimensions: int) -> Tensor:
    """Return vectors float64 [L,D] of length 1, of the company that labels [N,L] keep.

    The factors of the positive pointwise mutual information of all pairs, and of a label with itself (Levy
    and Goldberg 2014, "Neural word embedding as implicit matrix factorization").

    >>> vectors = label_vectors(torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]]), dimensions=3)
    >>> (vectors @ vectors.T).round(decimals=2).abs().tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    yes = (labels == 1).double()
    together = yes.T @ yes + 1e-6
    share = together.diagonal() / len(labels)
    information = (together / len(labels) / (share[:, None] * share)).log().clamp(min=0)
    size, basis = torch.linalg.eigh(information)
    size, basis = size.flip(0), basis.flip(1)
    kept = size[:dimensions] > 1e-9 * size[0]
    vectors = basis[:, :dimensions][:, kept] * size[:dimensions][kept].sqrt()
    unit: Tensor = vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return unit
