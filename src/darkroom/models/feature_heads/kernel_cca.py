"""Kernel canonical correlation analysis: canonical directions of features that a kernel makes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.models.feature_heads.feature_head import FeatureHead
from darkroom.models.feature_heads.neighbours import squared_distances


class KernelCca(FeatureHead):
    """A sum of Gaussian kernels at training images, whose weights were found through canonical correlations.

    Akaho 2001, "A kernel method for canonical correlation analysis"; Hardoon, Szedmak and Shawe-Taylor 2004,
    "Canonical correlation analysis: an overview with application to learning methods". The kernel's features
    are those of `landmarks` drawn from the training images (Nyström; Williams and Seeger 2001).

    Cost: a comparison with each landmark, of which there are 1,000 at most. The fit decomposes the covariance
    of the labels, so it is for thousands of labels.

    Attributes:
        landmarks: features of images, [M,F].
        gamma: 1 over the squared width of the kernel, [].
        layer: from the kernel's values at the landmarks to logits, [L,M+1], whose last column is the bias.
    """

    landmarks: Tensor
    gamma: Tensor
    layer: Tensor

    def __init__(self, landmarks: Tensor, gamma: Tensor, layer: Tensor) -> None:
        super().__init__()
        self.keep(landmarks=landmarks, gamma=gamma, layer=layer)

    def forward(self, features: Tensor) -> Tensor:
        """Standardised features [B,F] to logits [B,L]."""
        kernel = torch.exp(-self.gamma * squared_distances(features, self.landmarks))
        return F.linear(kernel, self.layer[:, :-1], self.layer[:, -1])
