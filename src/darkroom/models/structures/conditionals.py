"""Logistic regressions of each label on the scores and on other labels: what chains and networks share."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

FITTING = 200  # steps of L-BFGS


def fit_conditionals(
    logits: Tensor, labels: Tensor, allowed: Tensor, *, strength: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return scale [L,L], bias [L] and what other labels add [L,L], float64, of the highest likelihood.

    The logit of label l is the sum of scale_lm logit_m, and bias_l, and the sum of weight_lm over other
    labels m that are there. `strength` / 2 times the squares of the weights, and of scale less the identity,
    is taken off. An unknown label is no target, and counts as another label with the probability of its
    logit.

    Args:
        logits: float [N,L].
        labels: int [N,L]: 1, 0, or -1 for unknown.
        allowed: [L,L], 1 where the label of the row may depend on that of the column, else 0.
        strength: of the L2 penalty.
    """
    logits = logits.double()
    count = logits.shape[1]
    known, yes = labels >= 0, (labels == 1).double()
    others = torch.where(known, yes, logits.sigmoid())
    one = torch.eye(count, dtype=torch.float64)
    scale = one.clone().requires_grad_()
    bias = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    weight = torch.zeros(count, count, dtype=torch.float64, requires_grad=True)
    how: dict[str, Any] = {"max_iter": FITTING, "history_size": 20, "line_search_fn": "strong_wolfe"}
    how |= {"tolerance_grad": 1e-5, "tolerance_change": 1e-7}  # far below what the labels can tell
    optimizer = torch.optim.LBFGS([scale, bias, weight], **how)

    def closure() -> float:
        optimizer.zero_grad()
        z = logits @ scale.T + bias + others @ (weight * allowed).T
        each = F.binary_cross_entropy_with_logits(z, yes, reduction="none") * known
        penalised = (weight * allowed).square() + (scale - one).square()
        loss = each.sum() / len(logits) + strength / 2 * penalised.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return scale.detach(), bias.detach(), (weight * allowed).detach()
