"""Balanced sampling: an epoch in which every class is shown equally often."""

import torch
from torch import Tensor


def balanced_order(
    labels: Tensor, images: int, generator: torch.Generator, *, hardest: Tensor | None = None
) -> Tensor:
    """Return the places of `images` training images, the same number of each class, in a random order.

    A class with fewer images than its part of the epoch shows each of them several times (as often as any
    other of them, or once more), one with more shows some of them: the ones with the largest loss, where
    `hardest` is the last loss of every image, float32 [N]; otherwise others in each epoch.

    >>> labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1])
    >>> order = balanced_order(labels, 8, torch.Generator().manual_seed(0))
    >>> labels[order].bincount(), order.bincount(minlength=8)[6:]
    (tensor([4, 4]), tensor([2, 2]))

    Args:
        labels: int64 [N], on the CPU.
        images: of the epoch, 1 or more.
        generator: draws the images and their order.
        hardest: see above.
    """
    ranked = torch.randperm(len(labels), generator=generator)
    if hardest is not None:
        ranked = ranked[hardest[ranked].argsort(descending=True, stable=True)]
    ranked = ranked[labels[ranked].argsort(stable=True)]  # by class, and within it as ranked
    counts = labels.bincount()
    counts = counts[counts > 0]  # of the classes that have images
    # the images that cannot be divided among the classes go to classes that are drawn
    extra = torch.randperm(len(counts), generator=generator) < images % len(counts)
    parts = images // len(counts) + extra.long()
    firsts = (counts.cumsum(0) - counts).tolist()
    chosen = [
        first + torch.arange(part) % count
        for first, count, part in zip(firsts, counts.tolist(), parts.tolist(), strict=True)
    ]
    order = ranked[torch.cat(chosen)]
    return order[torch.randperm(images, generator=generator)]
