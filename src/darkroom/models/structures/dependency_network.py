"""A conditional dependency network: each label given the image and all other labels."""

import torch
from torch import Tensor

from darkroom.models.structures.conditionals import fit_conditionals
from darkroom.models.structures.structure import Method, Structure

STEPS = 50  # of mean field, each of which moves half of the way


class DependencyNetwork(Structure):
    """p(y_l | image, the other labels) of each label, with where Gibbs sampling settles as their joint one.

    Guo and Gu 2011, "Multi-label classification using conditional dependency networks"; Heckerman et
    al. 2000.
    Unlike in a CRF what a label adds to another need not be what the other adds to it. A served graph cannot
    draw, so `forward` is the fixed point of mean field: each probability given the others' probabilities. It
    costs O(L^2) an image and step.

    Attributes:
        scale: of the logits in each label's own, [L,L]: row the label, column the logit.
        bias: of each label, [L].
        weight: what another label adds to a label's logit, [L,L]: row the label, column the other; 0 on the
            diagonal.
    """

    FITTED = ("scale", "bias", "weight")
    scale: Tensor
    bias: Tensor
    weight: Tensor

    def __init__(self, scale: Tensor, bias: Tensor, weight: Tensor) -> None:
        """Take the terms; raises ValueError where a label depends on itself."""
        super().__init__()
        if weight.diagonal().any() or weight.shape != (len(bias), len(bias)):
            raise ValueError(
                f"weight {list(weight.shape)} must have 0 on the diagonal, and rows and columns for "
                f"{len(bias)} labels"
            )
        self.keep(scale=scale, bias=bias, weight=weight)

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [B,L] to the probability of each label, [B,L]."""
        own, weight = self.own(logits), self.weight.T.to(logits.dtype)
        q = own.sigmoid()
        for _ in range(STEPS):
            q = (q + (own + q @ weight).sigmoid()) / 2
        return q

    def own(self, logits: Tensor) -> Tensor:
        """Return the logits [B,L] of labels beside which no other is there."""
        return logits @ self.scale.T.to(logits.dtype) + self.bias.to(logits.dtype)

    def gibbs(self, logits: Tensor, *, sweeps: int, burn: int, generator: torch.Generator) -> Tensor:
        """Return the share of sweeps in which each label was drawn, [B,L].

        A sweep draws every label once given the others (Geman and Geman 1984); the first `burn` of `sweeps`
        are not counted.
        """
        own, weight = self.own(logits), self.weight.to(logits.dtype)
        y = (torch.rand(own.shape, generator=generator, dtype=own.dtype) < own.sigmoid()).to(own.dtype)
        total = torch.zeros_like(own)
        for sweep in range(sweeps):
            for label in range(own.shape[1]):
                p = (own[:, label] + y @ weight[label]).sigmoid()
                drawn = torch.rand(p.shape, generator=generator, dtype=p.dtype) < p
                y[:, label] = drawn.to(y.dtype)
            if sweep >= burn:
                total += y
        return total / (sweeps - burn)


def fit_dependency_network(logits: Tensor, labels: Tensor, *, strength: float) -> DependencyNetwork:
    """Return the network of the highest likelihood on logits [N,L] and labels [N,L], a regression a label.

    The penalty and unknown labels are as in `fit_conditionals`.
    """
    count = logits.shape[1]
    allowed = 1 - torch.eye(count, dtype=torch.float64)
    return DependencyNetwork(*fit_conditionals(logits, labels, allowed, strength=strength))


DEPENDENCY_NETWORK = Method(
    fit=lambda logits, labels, counted, strength: fit_dependency_network(logits, labels, strength=strength),
    build=DependencyNetwork,
    strengths=(10.0, 3.0, 1.0, 0.3, 0.1, 0.03),
    most=500,
    cost=f"a term for every pair, each of {STEPS} steps of the graph over all of them",
)
