"""The fit of kernel CCA: scikit-learn's Nyström features, and the canonical correlations of `cca`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from darkroom.models.feature_heads.kernel_cca import KernelCca
from darkroom.models.feature_heads.neighbours import squared_distances
from darkroom.training.label_heads.cca import cca

LANDMARKS = 1000  # training images at most, with which an image is compared
SAMPLE = 500  # of the landmarks, whose median distance is the width of the kernel


def kernel_cca(features: Tensor, labels: Tensor, seed: int) -> Iterator[tuple[float, KernelCca]]:
    """Yield a head for each ridge, by canonical correlations of the kernel's features with the labels.

    What it computes and its source stand in `darkroom.models.feature_heads.kernel_cca`. The width of the
    kernel is the median distance of images. It costs decompositions of a matrix of landmarks, O(M^3), and of
    one of labels.
    """
    from sklearn.kernel_approximation import Nystroem  # takes a second to import; few runs use it

    gamma = 1 / median_square(features, seed=seed)
    kernel = Nystroem(gamma=gamma, n_components=min(LANDMARKS, len(features)), random_state=seed)
    lifted = torch.from_numpy(kernel.fit_transform(features.numpy()))
    mean = lifted.mean(0)
    # one scale for all: what varies little is noise, and the ridges are meant beside deviations near 1
    scale = (lifted - mean).square().mean().sqrt().clamp(min=1e-12)
    landmarks, basis = (torch.from_numpy(part) for part in (kernel.components_, kernel.normalization_))
    for ridge, layer in cca((lifted - mean) / scale, labels, seed):
        weight = layer[:, :-1] / scale
        bias = layer[:, -1] - weight @ mean
        yield (
            ridge,
            KernelCca(landmarks, torch.tensor(gamma), torch.cat([weight @ basis, bias[:, None]], dim=1)),
        )


def median_square(features: Tensor, *, seed: int) -> float:
    """Return the median squared distance of two images by their features [N,F], of some that `seed` draws.

    >>> median_square(torch.tensor([[0.0], [2.0]]), seed=0)
    4.0
    """
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))[:SAMPLE]
    distances = squared_distances(features[order], features[order])
    apart = distances[~torch.eye(len(order), dtype=torch.bool)]
    return max(float(apart.median()), 1e-6)
