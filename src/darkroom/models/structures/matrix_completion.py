"""Low-rank matrix completion: labels lie in few dimensions, by which unknown ones are filled in."""

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.models.structures.structure import Method, Structure

STEPS = 100  # of filling in and shrinking, at most
SETTLED = 1e-4  # change of the matrix, relative to its size, at which it is filled
SHARES = torch.linspace(0, 1, 21).tolist()  # of the low-rank part in a probability, that are tried
LEAST = 1e-4  # probability of a label, which a projection could have below 0


class MatrixCompletion(Structure):
    """Probabilities drawn towards the few dimensions in which the labels of images lie.

    Cabral et al. 2011, "Matrix completion for multi-label image classification"; the matrix is completed by
    soft-impute (Mazumder, Hastie and Tibshirani 2010). A new image's probabilities,
    less the labels' shares, are projected on the dimensions that were found, each shrunk as it was there. It
    costs O(L^2) an image.

    Attributes:
        mean: share of each label, [L].
        projection: [L,L], symmetric, of the rank that was found.
        share: of the projection in a probability, [].
    """

    FITTED = ("mean", "projection", "share")
    mean: Tensor
    projection: Tensor
    share: Tensor

    def __init__(self, mean: Tensor, projection: Tensor, share: Tensor) -> None:
        super().__init__()
        self.keep(mean=mean, projection=projection, share=share)

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [B,L] to the probability of each label, [B,L]."""
        return self.mixed(logits.sigmoid(), self.share.to(logits.dtype))

    def mixed(self, p: Tensor, share: Tensor) -> Tensor:
        """Return probabilities [B,L] with this share of their projection."""
        mean = self.mean.to(p.dtype)
        low_rank = mean + (p - mean) @ self.projection.to(p.dtype)
        return ((1 - share) * p + share * low_rank).clamp(LEAST, 1 - LEAST)


def complete(labels: Tensor, *, strength: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return labels [N,L] with -1 filled in, the mean of each label [L] and the projection [L,L], float64.

    Soft-impute: the unknown entries of the matrix, less its known means, are taken from its singular value
    decomposition with all singular values less `strength` times the largest (0 to 1), until they settle.

    >>> filled, _, _ = complete(torch.tensor([[1, 1], [0, 0], [1, -1], [0, 0], [1, 1]]), strength=0.1)
    >>> bool(filled[2, 1] > 0.5)
    True
    """
    known, values = labels >= 0, (labels == 1).double()
    mean = (values * known).sum(0) / known.sum(0).clamp(min=1)
    observed = torch.where(known, values - mean, 0.0)
    filled, penalty = observed, strength * float(torch.linalg.matrix_norm(observed, 2))
    for _ in range(STEPS):
        u, size, v = torch.linalg.svd(filled, full_matrices=False)
        shrunk = (size - penalty).clamp(min=0)
        low_rank = (u * shrunk) @ v
        following = torch.where(known, observed, low_rank)
        change = (following - filled).norm() / filled.norm().clamp(min=1e-12)
        filled = following
        if change < SETTLED:
            break
    kept = shrunk / size.clamp(min=1e-12)
    return filled + mean, mean, (v.T * kept) @ v


def fit_matrix_completion(
    logits: Tensor, labels: Tensor, counted: Tensor, *, strength: float
) -> MatrixCompletion:
    """Return the dimensions of `counted` [M,L], and the share of the smallest log-loss on labels [N,L]."""
    _, mean, projection = complete(counted, strength=strength)
    structure = MatrixCompletion(mean, projection, torch.zeros((), dtype=torch.float64))
    p, known, yes = logits.double().sigmoid(), labels >= 0, (labels == 1).double()
    losses = [
        float(F.binary_cross_entropy(structure.mixed(p, torch.tensor(share))[known], yes[known]))
        for share in SHARES
    ]
    best = SHARES[min(range(len(SHARES)), key=losses.__getitem__)]
    return MatrixCompletion(mean, projection, torch.tensor(best, dtype=torch.float64))


MATRIX_COMPLETION = Method(
    fit=lambda logits, labels, counted, strength: fit_matrix_completion(
        logits, labels, counted, strength=strength
    ),
    build=MatrixCompletion,
    strengths=(0.8, 0.5, 0.3, 0.2, 0.1, 0.05),
    most=1000,
    cost="a singular value decomposition of the matrix of images and labels in each step",
)
