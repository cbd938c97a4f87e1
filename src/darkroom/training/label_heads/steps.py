"""Adam over batches, for heads whose loss has steps or is drawn."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

PASSES, BATCH, RATE = 40, 128, 0.01  # over the images, images a step, and the rate at first
FEWEST = 300  # steps: few images are passed over more often


def minimise_by_adam(
    weights: Sequence[Tensor],
    loss: Callable[[Tensor], Tensor],
    penalty: Callable[[], Tensor],
    *,
    images: int,
    seed: int,
) -> None:
    """Change `weights` in place to those of a small penalised loss.

    By Adam (Kingma & Ba 2015, arXiv:1412.6980) with a rate that falls linearly to 0. `loss` takes places of
    images, int64 [B], and returns their mean loss. Sets torch's global seed, from which losses may draw.
    """
    torch.manual_seed(seed)
    for weight in weights:
        weight.requires_grad_()
    optimizer = torch.optim.Adam(weights, lr=RATE)
    passes = max(PASSES, math.ceil(FEWEST / math.ceil(images / BATCH)))
    steps = passes * math.ceil(images / BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1e-3, total_iters=steps)
    for _ in range(passes):
        for places in torch.split(torch.randperm(images), BATCH):
            optimizer.zero_grad()
            total = loss(places) + penalty()
            total.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    for weight in weights:
        weight.requires_grad_(False)
