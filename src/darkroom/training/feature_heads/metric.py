"""The fit of the metric: a linear map by which the neighbours of an image have its labels."""

from collections.abc import Iterator

import torch
from torch import Tensor

from darkroom.models.feature_heads.metric import Metric
from darkroom.models.feature_heads.neighbours import neighbour_logits, squared_distances
from darkroom.training.feature_heads.sleec import check_size
from darkroom.training.label_heads.cca import directions
from darkroom.training.label_heads.regression import centred
from darkroom.training.label_heads.steps import minimise_by_adam
from darkroom.training.losses.multilabel.binary_cross_entropy import binary_cross_entropy

DIMENSIONS = 32  # of the space of the distances, at most
FIRST_RIDGE = 1.0  # of the canonical directions from which the map starts
FAR = 1e6  # added to the squared distance of an image to itself
STRENGTHS = (10.0, 3.0, 1.0, 0.3, 0.1)


def metric(features: Tensor, labels: Tensor, seed: int) -> Iterator[tuple[float, Metric]]:
    """Yield a head for each strength, of which half times the squares of the map is a penalty.

    What it computes and its source stand in `darkroom.models.feature_heads.metric`. The map starts from the
    canonical directions of features and labels, and is learned by Adam: in each batch the images predict each
    other's labels, and the cross-entropy of that falls. It costs the distances of all pairs in a batch. The
    analysis of scikit-learn takes one class an image, so it is no help here.

    Raises UserError where training images times labels are more than the model should hold.
    """
    check_size("metric", labels)
    narrow, ones = features.float(), torch.ones(labels.shape[1])
    size, basis = torch.linalg.eigh(features.T @ features / len(features))
    white = (size.clamp(min=0) + FIRST_RIDGE).rsqrt()
    of_features, correlation, _ = directions(features, centred(labels)[0], basis=basis, white=white)
    first = (of_features * correlation)[:, :DIMENSIONS].T.float()
    for strength in STRENGTHS:
        to_space = first.clone()

        def loss(places: Tensor, to_space: Tensor = to_space) -> Tensor:
            placed = narrow[places] @ to_space.T
            apart = squared_distances(placed, placed) + FAR * torch.eye(len(places))
            found = neighbour_logits((-apart).softmax(1), labels[places])
            return binary_cross_entropy(found, labels[places], weights=ones).mean()

        def penalty(to_space: Tensor = to_space, strength: float = strength) -> Tensor:
            return strength / 2 * to_space.square().sum()

        minimise_by_adam([to_space], loss, penalty, images=len(labels), seed=seed)
        yield strength, Metric(to_space, narrow @ to_space.T, labels)
