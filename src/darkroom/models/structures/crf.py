"""A conditional random field with a term for every pair of labels."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.models.structures.enumeration import FEW, Enumerable, all_sets, marginals
from darkroom.models.structures.structure import Method

STEPS = 50  # of mean field, each of which moves half of the way
FITTING = 200  # steps of L-BFGS


class PairwiseCrf(Enumerable):
    """p(y) proportional to exp(sum of y_l (logit_l + bias_l) + sum over pairs of y_l y_m pair_lm).

    Lafferty, McCallum and Pereira 2001; for labels of images Ghamrawi and McCallum 2005 ("Collective
    multi-label classification"). Marginals by mean field cost O(L^2) an image; by enumeration O(2^L), for 16
    labels at most.

    `forward` enumerates up to `FEW` labels, and is mean field for more.

    Attributes:
        bias: of each label, [L].
        pair: of each pair, [L,L], symmetric, 0 on the diagonal.
    """

    FITTED = ("bias", "pair")
    bias: Tensor
    pair: Tensor
    sets: Tensor

    def __init__(self, bias: Tensor, pair: Tensor) -> None:
        """Take the terms; raises ValueError where `pair` is not symmetric with a diagonal of 0."""
        super().__init__()
        if not torch.equal(pair, pair.T) or pair.diagonal().any() or len(bias) != len(pair):
            raise ValueError(
                f"pair {list(pair.shape)} must be symmetric with 0 on the diagonal, and as large as bias "
                f"{list(bias.shape)}"
            )
        self.few = len(bias) <= FEW
        self.keep(bias=bias, pair=pair)
        if self.few:
            self.keep(sets=all_sets(len(bias)))

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [B,L] to the probability of each label, [B,L]."""
        if self.few:
            return marginals(self.log_weights(logits, self.sets), self.sets)
        return self.mean_field(logits)

    def log_weights(self, logits: Tensor, sets: Tensor) -> Tensor:
        """Return the unnormalised log-probability of sets [S,L] for logits [B,L]: [B,S]."""
        sets = sets.to(logits.dtype)
        together = ((sets @ self.pair.to(logits.dtype)) * sets).sum(1) / 2
        return (logits + self.bias.to(logits.dtype)) @ sets.T + together

    def mean_field(self, logits: Tensor, *, steps: int = STEPS) -> Tensor:
        """Return the probabilities [B,L] of the independent distribution nearest to this one.

        Each step moves half of the way to the fixed point, so that strong pairs do not oscillate.
        """
        own, pair = logits + self.bias.to(logits.dtype), self.pair.to(logits.dtype)
        q = own.sigmoid()
        for _ in range(steps):
            q = (q + (own + q @ pair).sigmoid()) / 2
        return q


def fit_crf(logits: Tensor, labels: Tensor, *, strength: float) -> PairwiseCrf:
    """Return the field of the highest pseudo-likelihood on logits [N,L] and labels [N,L].

    The probability of each label given the true others (Besag 1975, "Statistical analysis of non-lattice
    data"), less `strength` / 2 times the squares of the pairs a label. What is unknown is no target, and
    counts as a neighbour with the probability of its logit.
    """
    logits = logits.double()
    count = logits.shape[1]
    known = labels >= 0
    yes = (labels == 1).double()
    neighbours = torch.where(known, yes, logits.sigmoid())
    upper = torch.triu_indices(count, count, offset=1)
    bias = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    values = torch.zeros(upper.shape[1], dtype=torch.float64, requires_grad=True)
    how: dict[str, Any] = {"max_iter": FITTING, "history_size": 20, "line_search_fn": "strong_wolfe"}
    how |= {"tolerance_grad": 1e-5, "tolerance_change": 1e-7}  # far below what the labels can tell
    optimizer = torch.optim.LBFGS([bias, values], **how)

    def pair() -> Tensor:
        matrix = torch.zeros(count, count, dtype=torch.float64).index_put((upper[0], upper[1]), values)
        return matrix + matrix.T

    def closure() -> float:
        optimizer.zero_grad()
        z = logits + bias + neighbours @ pair()
        each = F.binary_cross_entropy_with_logits(z, yes, reduction="none") * known
        loss = each.sum() / len(logits) + strength / 2 * values.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return PairwiseCrf(bias.detach(), pair().detach())


CRF = Method(
    fit=lambda logits, labels, counted, strength: fit_crf(logits, labels, strength=strength),
    build=PairwiseCrf,
    strengths=(1.0, 0.3, 0.1, 0.03, 0.01, 0.003),
    most=500,
    cost=f"a term for every pair, each of {STEPS} steps of the graph over all of them",
)
