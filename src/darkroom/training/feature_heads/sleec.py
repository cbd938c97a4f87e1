"""The fit of SLEEC: clusters of images, an embedding of each that keeps near labels near, and a map to it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from darkroom import UserError
from darkroom.models.feature_heads.neighbours import squared_distances
from darkroom.models.feature_heads.sleec import NEIGHBOURS, Sleec
from darkroom.training.label_heads.regression import ridges

CLUSTER = 2000  # images, on average
DIMENSIONS = 50  # of an embedding, at most
NEAR = 100  # images with the most labels in common, to which distances are kept
STEPS = 10  # of the singular value projection
MOST = 100_000_000  # training images times labels, each of which the graph holds a number of


def sleec(features: Tensor, labels: Tensor, seed: int) -> Iterator[tuple[float, Sleec]]:
    """Yield a head for each ridge of the maps to the embeddings.

    What it computes and its source stand in `darkroom.models.feature_heads.sleec`. Products of the labels of
    near images are kept by `near_products`; the maps are ridge regressions, where the paper's weights are
    sparse too. It costs the products of all pairs of images in a cluster, and for each a decomposition of the
    features' covariance, O(F^3).

    Raises UserError where training images times labels are more than `MOST`.
    """
    check_size("sleec", labels)
    cluster, centres = clusters(features, seed=seed)
    parts = [(cluster == number).nonzero()[:, 0] for number in range(len(centres))]
    means = [features[part].mean(0) for part in parts]
    targets = [near_products((labels[part] == 1).double(), seed=seed) for part in parts]
    fits = [
        ridges(features[part] - mean, target)
        for part, mean, target in zip(parts, means, targets, strict=True)
    ]
    for fitted in zip(*fits, strict=True):
        weights = [weight for _, weight in fitted]
        maps = torch.stack(
            [torch.cat([w, -(w @ mean)[:, None]], dim=1) for w, mean in zip(weights, means, strict=True)]
        )
        points = torch.empty(len(features), maps.shape[1], dtype=torch.float64)
        for part, map_of in zip(parts, maps, strict=True):
            points[part] = features[part] @ map_of[:, :-1].T + map_of[:, -1]
        yield fitted[0][0], Sleec(centres, maps, points, cluster, labels)


def clusters(features: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
    """Return the cluster of each image, int64 [N], and the centres float64 [C,F].

    By k-means of scikit-learn; clusters of fewer images than twice the neighbours are given up.
    """
    from sklearn.cluster import KMeans  # takes a second to import; few runs use it

    count = max(1, round(len(features) / CLUSTER))
    how: dict[str, Any] = {"n_init": 1, "random_state": seed}
    centres = torch.from_numpy(KMeans(count, **how).fit(features.numpy()).cluster_centers_)
    while True:
        nearest = squared_distances(features, centres).argmin(1)
        large = torch.bincount(nearest, minlength=len(centres)) >= 2 * NEIGHBOURS
        if bool(large.all()) or len(centres) == 1:
            return nearest, centres
        centres = centres[large] if bool(large.any()) else centres[:1]


def near_products(labels: Tensor, *, seed: int) -> Tensor:
    """Return an embedding float64 [N,DIMENSIONS] of images by their labels, float64 [N,L] of 1 and 0.

    Of images that share the most labels the products of the embeddings are those of the labels, divided by
    their norms; others have no part. By singular value projection (Jain, Meka and Dhillon 2010): what does
    not count is taken from the step before, and the matrix projected on its `DIMENSIONS` largest directions.
    """
    from scipy.sparse.linalg import eigsh

    unit = labels / labels.norm(dim=1, keepdim=True).clamp(min=1)
    products = unit @ unit.T
    near = torch.zeros_like(products, dtype=torch.bool)
    near.scatter_(1, products.topk(min(NEAR, len(labels)), dim=1).indices, value=True)
    near |= near.T.clone()
    rank = min(DIMENSIONS, len(labels) - 1)
    start = np.random.default_rng(seed).normal(size=len(labels))
    found = torch.zeros_like(products)
    for _ in range(STEPS):
        wanted = torch.where(near, products, found)
        size, basis = (torch.from_numpy(part) for part in eigsh(wanted.numpy(), k=rank, v0=start, tol=1e-4))
        embedding = basis * size.clamp(min=0).sqrt()
        found = embedding @ embedding.T
    return torch.cat([embedding, torch.zeros(len(labels), DIMENSIONS - rank).double()], dim=1)


def check_size(head: str, labels: Tensor) -> None:
    """Raise UserError where labels [N,L] are more than a graph should hold."""
    images, count = labels.shape
    if images * count > MOST:
        raise UserError(
            f"model.head {head} keeps the labels of all training images in the model, and {images:,} images "
            f"(mirror images count) times {count:,} labels are more than {MOST:,}: set model.head=bloom, or "
            "train.images to fewer"
        )
