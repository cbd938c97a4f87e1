"""WSABIE: images and labels in one space of few dimensions, learned by WARP."""

from collections.abc import Iterator

import torch
from torch import Tensor

from darkroom.training.label_heads.steps import minimise_by_adam
from darkroom.training.losses.multilabel.warp import warp

DIMENSIONS = 64  # of the space, at most
STRENGTHS = (0.01, 0.003, 0.001, 0.0003, 0.0001)


def wsabie(features: Tensor, labels: Tensor, seed: int) -> Iterator[tuple[float, Tensor]]:
    """Yield a layer for each strength, the product of vectors of labels and a map of features.

    Weston, Bengio and Usunier 2011, "WSABIE: scaling up to large vocabulary image annotation". The score of a
    label is its vector times the image's, a linear map of its features; both are learned by the WARP loss,
    which counts mistakes at the top most. Where the paper bounds the norms, half of the strength
    times their squares is a penalty. It costs O(L^2) memory an image in a batch, so it is for hundreds of
    labels.
    """
    count, dimensions = labels.shape[1], min(DIMENSIONS, labels.shape[1])
    narrow = torch.cat([features, torch.ones(len(features), 1)], dim=1).float()  # with the map's offset
    ones = torch.ones(count)
    for strength in STRENGTHS:
        generator = torch.Generator().manual_seed(seed)
        images = torch.zeros(dimensions, narrow.shape[1])  # what no image tells stays 0
        vectors = torch.randn(count, dimensions, generator=generator) / dimensions**0.5

        def loss(places: Tensor, images: Tensor = images, vectors: Tensor = vectors) -> Tensor:
            return warp(narrow[places] @ images.T @ vectors.T, labels[places], weights=ones).mean()

        def penalty(images: Tensor = images, vectors: Tensor = vectors, strength: float = strength) -> Tensor:
            return strength / 2 * (images[:, :-1].square().sum() + vectors.square().sum())

        minimise_by_adam([images, vectors], loss, penalty, images=len(labels), seed=seed)
        yield strength, (vectors @ images).double()
