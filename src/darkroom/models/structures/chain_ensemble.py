"""An ensemble of classifier chains, each with an order of its own."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from darkroom.models.structures.chain import Chain, fit_chain
from darkroom.models.structures.structure import Method, Structure

CHAINS = 5
SEED = 0  # of the orders


class ChainEnsemble(Structure):
    """The mean of the probabilities of chains whose orders were drawn.

    Ensembles of classifier chains (Read et al. 2009, "Classifier chains for multi-label classification"), of
    probabilistic ones: no single order decides which label may depend on which. It costs as much as its
    chains.

    Attributes:
        order, scale, bias, before: of its chains, as `Chain` has them, with the chains in front.
    """

    FITTED = ("order", "scale", "bias", "before")

    def __init__(self, order: Tensor, scale: Tensor, bias: Tensor, before: Tensor) -> None:
        """Take the terms of the chains; raises ValueError as `Chain`."""
        super().__init__()
        self.keep(order=order, scale=scale, bias=bias, before=before)
        self.chains = nn.ModuleList(Chain(*terms) for terms in zip(order, scale, bias, before, strict=True))

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [B,L] to the probability of each label, [B,L]."""
        return torch.stack([chain(logits) for chain in self.chains]).mean(0)


def fit_chain_ensemble(
    logits: Tensor, labels: Tensor, orders: Sequence[Sequence[int]], *, strength: float
) -> ChainEnsemble:
    """Return chains of the highest likelihood on logits [N,L] and labels [N,L], one for each order."""
    chains = [fit_chain(logits, labels, order, strength=strength) for order in orders]
    stacked = {name: torch.stack([chain.fitted()[name] for chain in chains]) for name in ChainEnsemble.FITTED}
    return ChainEnsemble(**stacked)


def drawn_orders(labels: int) -> list[list[int]]:
    """Return `CHAINS` orders of so many labels; they are always the same."""
    generator = torch.Generator().manual_seed(SEED)
    return [torch.randperm(labels, generator=generator).tolist() for _ in range(CHAINS)]


CHAIN_ENSEMBLE = Method(
    fit=lambda logits, labels, counted, strength: fit_chain_ensemble(
        logits, labels, drawn_orders(logits.shape[1]), strength=strength
    ),
    build=ChainEnsemble,
    strengths=(10.0, 1.0, 0.1),
    most=32,
    cost=f"a step of the graph for every label of each of {CHAINS} chains",
)
