"""WARP: weighted approximate-rank pairwise ranking, with ranks that are sampled."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from darkroom.config.train import Train

MARGIN = 1.0


def warp(
    logits: Tensor,
    labels: Tensor,
    *,
    weights: Tensor,
    margin: float = MARGIN,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the WARP loss of each image, the mean over its labels: float [B].

    For each label that an image has, labels that it has not are drawn until one is within `margin` of it; the
    hinge loss of that pair is weighted by L(rank) = 1 + 1/2 + ... + 1/rank, where the rank is estimated from
    the number of draws as floor(negatives / draws) (Weston, Bengio and Usunier 2011, "WSABIE"; Gong et al.
    2014, arXiv:1312.4894). So mistakes at the top cost most. No negative is drawn twice: the order is a
    random permutation, whose first violator is the one the paper's loop would find. Labels count as their
    weights.

    >>> labels = torch.tensor([[1, 0]])
    >>> warp(torch.tensor([[0.0, 0.5]]), labels, weights=torch.ones(2))  # one negative: its rank is 1
    tensor([1.5000])
    """
    yes, no = labels == 1, labels == 0
    count = no.sum(1)
    keys = torch.rand(
        (len(logits), *yes.shape[1:], yes.shape[1]), generator=generator, device=logits.device
    ).masked_fill(~no[:, None, :], torch.inf)
    order = keys.argsort(dim=2)  # of each image and label: a random order of the negatives, others last
    above = margin + logits[:, None, :] - logits[:, :, None]
    drawn = above.gather(2, order)
    place = torch.arange(yes.shape[1], device=logits.device)
    violates = (drawn > 0) & (place < count[:, None, None]) & yes[:, :, None]
    found = violates.any(2)
    draws = violates.to(torch.int8).argmax(2) + 1
    rank = torch.where(found, (count[:, None] // draws), 0)
    harmonic = torch.cat([torch.zeros(1), (1 / torch.arange(1, yes.shape[1] + 1)).cumsum(0)]).to(logits)
    hinge = drawn.gather(2, (draws - 1)[:, :, None])[:, :, 0]
    each = torch.where(found, harmonic[rank] * hinge, 0.0) * weights.to(logits.dtype)
    return each.sum(1) / yes.sum(1).clamp(min=1)


def build(settings: Train, weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Build the loss; its draws are those of torch's global generator."""
    return partial(warp, weights=weights)
