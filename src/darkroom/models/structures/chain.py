"""Probabilistic classifier chains: each label given the image and the labels before it."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.models.structures.conditionals import fit_conditionals
from darkroom.models.structures.enumeration import Enumerable
from darkroom.models.structures.structure import Method

WIDTH = 32  # of the beam in a served graph


class Chain(Enumerable):
    """p(y) as the product of p(y_l | the logits, the labels before l in an order).

    Classifier chains (Read et al. 2009), as the joint distribution that they are (Dembczynski, Cheng and
    Huellermeier 2010, "Bayes optimal multilabel classification via probabilistic classifier chains"). Exact
    inference costs O(2^L L) an image, for 16 labels at most; greedy and beam search O(width L^2), a sample
    O(L^2).

    `forward` is the estimate of `by_beam` with `WIDTH` sets, which is exact for five labels or fewer.

    Attributes:
        order: places of the labels, in the order of the chain, int64 [L].
        scale: of the logits in each label's own, [L,L]: row the label, column the logit.
        bias: of each label, [L].
        before: what an earlier label adds to a label's logit, [L,L]: row the label, column the earlier one.
    """

    FITTED = ("order", "scale", "bias", "before")
    order: Tensor
    scale: Tensor
    bias: Tensor
    before: Tensor

    def __init__(self, order: Sequence[int] | Tensor, scale: Tensor, bias: Tensor, before: Tensor) -> None:
        """Take the terms; raises ValueError where a label depends on one that is not before it."""
        super().__init__()
        self.places = [int(label) for label in order]  # of a loop that a graph unrolls
        place = torch.empty(len(self.places), dtype=torch.int64)
        place[self.places] = torch.arange(len(self.places))
        later = place[None, :] >= place[:, None]
        if sorted(self.places) != list(range(len(bias))) or before[later].any():
            raise ValueError(f"a label of the chain {self.places} depends on one that is not before it")
        self.keep(order=torch.tensor(self.places), scale=scale, bias=bias, before=before)

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [B,L] to the probability of each label, [B,L]."""
        return self.by_beam(logits, width=WIDTH)

    def own(self, logits: Tensor) -> Tensor:
        """Return the logits [B,L] of labels before which no other is there."""
        return logits @ self.scale.T.to(logits.dtype) + self.bias.to(logits.dtype)

    def log_weights(self, logits: Tensor, sets: Tensor) -> Tensor:
        """Return the log-probability of sets [S,L] for logits [B,L]: [B,S]; over all sets they sum to 1."""
        sets = sets.to(logits.dtype)
        own = self.own(logits)
        z = own[:, None, :] + (sets @ self.before.T.to(logits.dtype))[None]
        sign = 2 * sets - 1
        return F.logsigmoid(z * sign).sum(2)

    def beam(self, logits: Tensor, *, width: int) -> tuple[Tensor, Tensor]:
        """Return the best sets that a beam search finds, [B,width,L], best first, and log-probabilities.

        A width of 1 is the greedy chain; one of 2^L finds everything. There are at most 2^L of them.
        """
        own = self.own(logits)
        labels = logits.shape[1]
        sets = torch.zeros_like(logits)[:, None, :]
        weights = torch.zeros_like(logits[:, :1])
        for label in self.places:
            z = own[:, None, label] + sets @ self.before[label].to(logits.dtype)
            extended = torch.cat([weights + F.logsigmoid(-z), weights + F.logsigmoid(z)], dim=1)
            both = torch.cat([sets, sets + F.one_hot(torch.tensor(label), labels).to(sets)], dim=1)
            weights, chosen = extended.topk(min(width, extended.shape[1]), dim=1)
            sets = both.gather(1, chosen[:, :, None].expand(-1, -1, labels))
        return sets, weights

    def soft(self, logits: Tensor) -> Tensor:
        """Return probabilities [B,L] in one pass, in which a label counts with its probability."""
        own = self.own(logits)
        q = torch.zeros_like(logits)
        for label in self.places:
            z = own[:, label] + q @ self.before[label].to(logits.dtype)
            q = q + z.sigmoid()[:, None] * F.one_hot(torch.tensor(label), logits.shape[1]).to(q)
        return q

    def by_beam(self, logits: Tensor, *, width: int) -> Tensor:
        """Return estimates of the probability of each label, [B,L], exact for a width of 2^L.

        The sets that the beam finds count with their probabilities, and what these lack of 1 with `soft`.
        """
        sets, weights = self.beam(logits, width=width)
        found = weights.exp()
        left = (1 - found.sum(1, keepdim=True)).clamp(min=0)
        return (found[:, :, None] * sets).sum(1) + left * self.soft(logits)

    def sampled(self, logits: Tensor, *, samples: int, generator: torch.Generator) -> Tensor:
        """Return estimates of the probability of each label, [B,L], from samples of whole sets."""
        own = self.own(logits)
        sets = torch.zeros(samples, *logits.shape, dtype=logits.dtype)
        for label in self.places:
            z = own[None, :, label] + sets @ self.before[label].to(logits.dtype)
            drawn = torch.rand(z.shape, generator=generator, dtype=logits.dtype)
            sets[:, :, label] = (drawn < z.sigmoid()).to(logits.dtype)
        return sets.mean(0)


def fit_chain(logits: Tensor, labels: Tensor, order: Sequence[int], *, strength: float) -> Chain:
    """Return the chain of the highest likelihood on logits [N,L] and labels [N,L], in this order.

    A logistic regression a label, with a penalty and unknown labels as in `fit_conditionals`.
    """
    count = logits.shape[1]
    allowed = torch.zeros(count, count, dtype=torch.float64)
    for place, label in enumerate(order):
        allowed[label, list(order[:place])] = 1
    return Chain(order, *fit_conditionals(logits, labels, allowed, strength=strength))


def by_frequency(labels: Tensor) -> list[int]:
    """Return the places of labels [N,L] from the most frequent to the rarest: the order of a chain.

    >>> by_frequency(torch.tensor([[1, 0, 1], [0, 0, 1]]))
    [2, 0, 1]
    """
    order: list[int] = (labels == 1).sum(0).argsort(descending=True, stable=True).tolist()
    return order


CHAIN = Method(
    fit=lambda logits, labels, counted, strength: fit_chain(
        logits, labels, by_frequency(counted), strength=strength
    ),
    build=Chain,
    strengths=(10.0, 3.0, 1.0, 0.3, 0.1, 0.03),
    most=64,
    cost="a step of the graph for every label",
)
