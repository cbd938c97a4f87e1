"""SLEEC: sparse local embeddings, in which images with the same labels are near each other."""

import torch
from torch import Tensor

from darkroom.models.feature_heads.feature_head import FeatureHead
from darkroom.models.feature_heads.neighbours import neighbour_logits, squared_distances

NEIGHBOURS = 15
FAR = 1e6  # added to the squared distance to points of another cluster


class Sleec(FeatureHead):
    """Neighbours in an embedding of few dimensions, one for each cluster of images.

    Bhatia, Jain, Kar, Varma and Jain 2015, "Sparse local embeddings for extreme multi-label classification"
    (NIPS 28). An image belongs to the cluster whose centre is nearest, is mapped linearly to that cluster's
    embedding, and has the labels of the training images near it there. In place of a mean over the neighbours
    each counts by how much nearer it is than the next one after them, so that no label jumps where two are
    equally near; there is one clustering where the paper averages over several.

    Cost: a comparison with each training image in few dimensions; the graph holds the labels of all of them.

    Attributes:
        centres: of the clusters, [C,F].
        maps: from features to the embedding of each cluster, [C,D,F+1], whose last column is an offset.
        points: the training images in the embedding of their cluster, [N,D].
        cluster: of each of them, int64 [N].
        labels: of each of them, int8 [N,L].
    """

    centres: Tensor
    maps: Tensor
    points: Tensor
    cluster: Tensor
    labels: Tensor

    def __init__(
        self, centres: Tensor, maps: Tensor, points: Tensor, cluster: Tensor, labels: Tensor
    ) -> None:
        super().__init__()
        self.keep(centres=centres, maps=maps, points=points)
        self.keep(cluster=cluster.long(), labels=labels.to(torch.int8))

    def forward(self, features: Tensor) -> Tensor:
        """Standardised features [B,F] to logits [B,L]."""
        nearest = squared_distances(features, self.centres).argmin(1)
        everywhere = torch.einsum("bf,cdf->bcd", features, self.maps[:, :, :-1]) + self.maps[:, :, -1]
        chosen = torch.nn.functional.one_hot(nearest, len(self.centres)).to(features.dtype)
        placed = (everywhere * chosen[:, :, None]).sum(1)
        elsewhere = (self.cluster != nearest[:, None]).to(features.dtype)
        return neighbour_logits(
            nearness(squared_distances(placed, self.points) + FAR * elsewhere), self.labels
        )


def nearness(distances: Tensor) -> Tensor:
    """Return the weights [B,N] of neighbours at squared distances [B,N]: they sum to 1.

    Those of the `NEIGHBOURS` nearest are as much as they are nearer than the next one; others have none.

    >>> far = torch.full((1, 14), 9.0)
    >>> nearness(torch.cat([torch.tensor([[1.0, 8.0]]), far], dim=1))[0, :3].round(decimals=4)
    tensor([0.8889, 0.1111, 0.0000])
    """
    kept = min(NEIGHBOURS + 1, distances.shape[1])
    bound = distances.topk(kept, dim=1, largest=False).values[:, -1:]
    nearer = (bound - distances).clamp(min=0) + 1e-9 * (distances <= bound)  # also where all are equally near
    return nearer / nearer.sum(1, keepdim=True)
