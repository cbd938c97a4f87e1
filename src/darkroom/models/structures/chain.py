"""Probabilistic classifier chains: each label given the image and the labels before it."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.models.structures.enumeration import all_sets, marginals, most_probable

FITTING = 200  # steps of L-BFGS


class Chain:
    """p(y) as the product of p(y_l | logit_l, the labels before l in an order).

    Classifier chains (Read et al. 2009), as the joint distribution that they are (Dembczynski, Cheng and
    Huellermeier 2010, "Bayes optimal multilabel classification via probabilistic classifier chains"). Exact
    inference costs O(2^L L) an image, for 16 labels at most; greedy and beam search O(width L^2), a sample
    O(L^2).

    Attributes:
        order: places of the labels, in the order of the chain.
        scale: of each label's logit, [L].
        bias: of each label, [L].
        before: what an earlier label adds to a label's logit, [L,L]: row the label, column the earlier one.
    """

    def __init__(self, order: Sequence[int], scale: Tensor, bias: Tensor, before: Tensor) -> None:
        """Take the terms; raises ValueError where a label depends on one that is not before it."""
        self.order = list(order)
        place = torch.empty(len(self.order), dtype=torch.int64)
        place[self.order] = torch.arange(len(self.order))
        later = place[None, :] >= place[:, None]
        if sorted(self.order) != list(range(len(bias))) or before[later].any():
            raise ValueError(f"a label of the chain {self.order} depends on one that is not before it")
        self.scale, self.bias, self.before = scale, bias, before

    def log_weights(self, logits: Tensor, sets: Tensor) -> Tensor:
        """Return the log-probability of sets [S,L] for logits [B,L]: [B,S]; over all sets they sum to 1."""
        sets = sets.to(logits.dtype)
        own = logits * self.scale.to(logits.dtype) + self.bias.to(logits.dtype)
        z = own[:, None, :] + (sets @ self.before.T.to(logits.dtype))[None]
        sign = 2 * sets - 1
        return F.logsigmoid(z * sign).sum(2)

    def exact(self, logits: Tensor) -> Tensor:
        """Return the probability of each label, [B,L], by enumeration; raises ValueError for many labels."""
        sets = all_sets(logits.shape[1])
        return marginals(self.log_weights(logits, sets), sets)

    def most_probable(self, logits: Tensor) -> Tensor:
        """Return the most probable set of each image, [B,L], by enumeration."""
        sets = all_sets(logits.shape[1])
        return most_probable(self.log_weights(logits, sets), sets)

    def beam(self, logits: Tensor, *, width: int) -> tuple[Tensor, Tensor]:
        """Return the best sets that a beam search finds, [B,width,L], best first, and log-probabilities.

        A width of 1 is the greedy chain; one of 2^L finds everything. There are at most 2^L of them.
        """
        own = logits * self.scale.to(logits.dtype) + self.bias.to(logits.dtype)
        count, labels = logits.shape
        sets = torch.zeros(count, 1, labels, dtype=logits.dtype)
        weights = torch.zeros(count, 1, dtype=logits.dtype)
        for label in self.order:
            z = own[:, None, label] + sets @ self.before[label].to(logits.dtype)
            extended = torch.cat([weights + F.logsigmoid(-z), weights + F.logsigmoid(z)], dim=1)
            both = torch.cat([sets, sets], dim=1)
            both[:, sets.shape[1] :, label] = 1
            weights, chosen = extended.topk(min(width, extended.shape[1]), dim=1)
            sets = both.gather(1, chosen[:, :, None].expand(-1, -1, labels))
        return sets, weights

    def sampled(self, logits: Tensor, *, samples: int, generator: torch.Generator) -> Tensor:
        """Return estimates of the probability of each label, [B,L], from samples of whole sets."""
        own = logits * self.scale.to(logits.dtype) + self.bias.to(logits.dtype)
        sets = torch.zeros(samples, *logits.shape, dtype=logits.dtype)
        for label in self.order:
            z = own[None, :, label] + sets @ self.before[label].to(logits.dtype)
            drawn = torch.rand(z.shape, generator=generator, dtype=logits.dtype)
            sets[:, :, label] = (drawn < z.sigmoid()).to(logits.dtype)
        return sets.mean(0)


def fit_chain(logits: Tensor, labels: Tensor, order: Sequence[int], *, strength: float) -> Chain:
    """Return the chain of the highest likelihood on logits [N,L] and labels [N,L], in this order.

    A logistic regression a label, less `strength` / 2 times the squares of what earlier labels add. What is
    unknown is no target, and counts as an earlier label with the probability of its logit.
    """
    logits = logits.double()
    count = logits.shape[1]
    known, yes = labels >= 0, (labels == 1).double()
    earlier = torch.where(known, yes, logits.sigmoid())
    allowed = torch.zeros(count, count, dtype=torch.float64)
    for place, label in enumerate(order):
        allowed[label, list(order[:place])] = 1
    scale = torch.ones(count, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    before = torch.zeros(count, count, dtype=torch.float64, requires_grad=True)
    how: dict[str, Any] = {"max_iter": FITTING, "history_size": 20, "line_search_fn": "strong_wolfe"}
    optimizer = torch.optim.LBFGS([scale, bias, before], **how)

    def closure() -> float:
        optimizer.zero_grad()
        z = logits * scale + bias + earlier @ (before * allowed).T
        each = F.binary_cross_entropy_with_logits(z, yes, reduction="none") * known
        loss = each.sum() / len(logits) + strength / 2 * (before * allowed).square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return Chain(order, scale.detach(), bias.detach(), (before * allowed).detach())
