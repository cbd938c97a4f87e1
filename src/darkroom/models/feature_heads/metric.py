"""Metric learning: an image has the labels of those near it, by a distance that was learned for that."""

import torch
from torch import Tensor

from darkroom.models.feature_heads.feature_head import FeatureHead
from darkroom.models.feature_heads.neighbours import neighbour_logits, squared_distances


class Metric(FeatureHead):
    """Neighbourhood components analysis, for several labels.

    Goldberger, Roweis, Hinton and Salakhutdinov 2004, "Neighbourhood components analysis" (NIPS 17): each
    training image counts by the softmax of the negative squared distances to all of them, after a linear map.
    There an image has one class; here the weights are summed for each label by itself.

    Cost: a comparison with each training image in few dimensions; the graph holds the labels of all of them.

    Attributes:
        space: from features to that in which distances are taken, [D,F].
        points: the training images there, [N,D].
        labels: of each of them, int8 [N,L].
    """

    space: Tensor
    points: Tensor
    labels: Tensor

    def __init__(self, space: Tensor, points: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.keep(space=space, points=points, labels=labels.to(torch.int8))

    def forward(self, features: Tensor) -> Tensor:
        """Standardised features [B,F] to logits [B,L]."""
        weights = (-squared_distances(features @ self.space.T, self.points)).softmax(1)
        return neighbour_logits(weights, self.labels)
