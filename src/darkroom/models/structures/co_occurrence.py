"""Co-occurrence smoothing: each label's probability drawn towards what the other labels say of it."""

import torch
from torch import Tensor

from darkroom.models.structures.structure import Method, Structure


class CoOccurrence(Structure):
    """A share of each label's probability comes from the other labels, by Jeffrey's rule.

    Label m, there with probability p_m, says of label l P(l | m) p_m + P(l | not m) (1 - p_m) (Jeffrey 1965,
    "The logic of decision"). What the others say is averaged by mutual information of the pairs. Counting how
    labels go together in place of learning it is the oldest of these structures (co-occurrence in context:
    Rabinovich et al. 2007, "Objects in context"). It costs O(L^2) an image.

    Attributes:
        weight: of each other label's probability, [L,L]: row the label, column the other.
        bias: what is said where no other label is there, [L].
        share: of what the others say, [L]; 0 for a label that depends on none.
    """

    FITTED = ("weight", "bias", "share")
    weight: Tensor
    bias: Tensor
    share: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, share: Tensor) -> None:
        super().__init__()
        self.keep(weight=weight, bias=bias, share=share)

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [B,L] to the probability of each label, [B,L]."""
        p, dtype = logits.sigmoid(), logits.dtype
        said = p @ self.weight.T.to(dtype) + self.bias.to(dtype)
        share = self.share.to(dtype)
        return (1 - share) * p + share * said


def count_co_occurrence(labels: Tensor, *, share: float) -> CoOccurrence:
    """Return the smoothing that labels [N,L] give: 1, 0, or -1 for unknown."""
    yes, no = (labels == 1).double(), (labels == 0).double()
    # counts [L,L] of pairs known together, row l, column m: each of four kinds is seen a quarter more
    kinds = torch.stack([torch.stack([a.T @ b for b in (yes, no)]) for a in (yes, no)]) + 0.25
    together = kinds / kinds.sum((0, 1))
    first, second = together.sum(1, keepdim=True), together.sum(0, keepdim=True)
    information = (together * (together / (first * second)).log()).sum((0, 1))
    information.fill_diagonal_(0)
    total = information.sum(1, keepdim=True)
    mixed = information / total.clamp(min=1e-12)
    given, without = together[0, 0] / second[0, 0], together[0, 1] / second[0, 1]
    depends = total[:, 0] > 1e-12
    return CoOccurrence(mixed * (given - without), (mixed * without).sum(1), share * depends.double())


CO_OCCURRENCE = Method(
    fit=lambda logits, labels, counted, strength: count_co_occurrence(counted, share=strength),
    build=CoOccurrence,
    strengths=(0.5, 0.3, 0.2, 0.1, 0.05, 0.02),
    most=2000,
    cost="a count for every pair",
)
