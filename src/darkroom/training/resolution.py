"""Images at a lower resolution, for the first epochs and for trials."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.data.splits import Split
from darkroom.models.inference import CPU_BATCH, to_device


def shrink(images: Tensor, side: int) -> Tensor:
    """Scale images uint8 [B,H,W,C] down so that the shorter side is `side` pixels.

    With 0, or a side that is not smaller than theirs, they are returned as they are.

    >>> shrink(torch.zeros(2, 32, 48, 3, dtype=torch.uint8), 20).shape
    torch.Size([2, 20, 30, 3])
    """
    shorter = min(images.shape[1:3])
    if not 0 < side < shorter:
        return images
    size = [max(1, round(length * side / shorter)) for length in images.shape[1:3]]
    x = images.permute(0, 3, 1, 2)
    if images.device.type == "cpu":  # torch's uint8 kernel is many times faster than the one for floats
        small = F.interpolate(x, size=size, mode="bilinear", antialias=True)
    else:
        small = F.interpolate(x.float(), size=size, mode="bilinear", antialias=True)
        small = small.round().clamp(0, 255).to(torch.uint8)
    return small.permute(0, 2, 3, 1)


def shrink_split(split: Split, side: int) -> Split:
    """Return a copy of a split, in memory, whose images have a shorter side of `side` pixels."""
    parts = []
    for start in range(0, len(split), CPU_BATCH):
        images = to_device(split.images[start : start + CPU_BATCH], torch.device("cpu"))
        parts.append(shrink(images, side).numpy())
    return Split(np.concatenate(parts), split.labels)
