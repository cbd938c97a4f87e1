"""What heads share that compare an image with others whose labels are known."""

import torch
from torch import Tensor

PRIOR = 0.1  # weight of a label's share of all images beside that of the neighbours, which is 1


def squared_distances(images: Tensor, points: Tensor) -> Tensor:
    """Return the squared distance of each of images [B,D] to each of points [N,D], [B,N].

    >>> squared_distances(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 0.0], [2.0, 1.0]]))
    tensor([[1., 4.]])
    """
    product = images @ points.T
    return images.square().sum(1, keepdim=True) + points.square().sum(1) - 2 * product


def neighbour_logits(weights: Tensor, labels: Tensor) -> Tensor:
    """Return the logit of each label [B,L] by the labels of neighbours.

    Args:
        weights: of each neighbour, [B,N], which sum to 1 over those of an image.
        labels: of the neighbours, int8 [N,L]: 1, 0, or -1 for unknown.

    An unknown one has no part; `PRIOR` keeps labels that no neighbour has apart from 0.

    >>> labels = torch.tensor([[1, 0], [1, -1], [0, 0]], dtype=torch.int8)
    >>> neighbour_logits(torch.tensor([[0.5, 0.5, 0.0]]), labels).sigmoid().round(decimals=2)
    tensor([[0.9700, 0.0000]])
    """
    yes, known = (labels == 1).to(weights.dtype), (labels >= 0).to(weights.dtype)
    share = (yes.sum(0) + 1e-3) / (known.sum(0) + 2e-3)
    return torch.logit((weights @ yes + PRIOR * share) / (weights @ known + PRIOR), eps=1e-6)
