"""Images at a lower resolution."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.data.splits import Split
from darkroom.models.inference import CPU_BATCH, to_device


def shrink(images: Tensor, side: int) -> Tensor:
    """Scale uint8 [B,H,W,C] so that the shorter side is `side` pixels.

    0, or a side that they have already, leaves them.
    """
    shorter = min(images.shape[1:3])
    if not 0 < side < shorter:
        return images
    size = [max(1, round(length * side / shorter)) for length in images.shape[1:3]]
    x = images.permute(0, 3, 1, 2)
    if images.device.type == "cpu":  # has a kernel for uint8, many times faster than that for floats
        small = F.interpolate(x, size=size, mode="bilinear", antialias=True)
    else:
        small = F.interpolate(x.float(), size=size, mode="bilinear", antialias=True)
        small = small.round().clamp(0, 255).to(torch.uint8)
    return small.permute(0, 2, 3, 1)


def shrink_split(split: Split, side: int) -> Split:
    """Return a copy of a split in memory with its images' shorter side at `side` pixels."""
    parts = []
    for start in range(0, len(split), CPU_BATCH):
        images = to_device(split.images[start : start + CPU_BATCH], torch.device("cpu"))
        parts.append(shrink(images, side).numpy())
    return Split(np.concatenate(parts), split.labels)
