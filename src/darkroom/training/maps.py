"""The last maps of a frozen backbone, kept on disk in half precision and read a batch at a time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from darkroom.training import features
from darkroom.training.features import OnBackbone, Part, kept_files
from darkroom.training.history import TrainingError


class KeptMaps:
    """Maps float16 [N,F,h,w] in files, which are mapped into memory."""

    def __init__(self, paths: Sequence[Path], *, chunk: int) -> None:
        """Open files .npy of `chunk` images each, the last one of as many or fewer."""
        self.parts = [np.load(path, mmap_mode="r", allow_pickle=False) for path in paths]
        self.chunk = chunk

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def take(self, rows: Sequence[int]) -> Tensor:
        """Return the maps of images by their numbers, float32 [len(rows),F,h,w]."""
        taken = np.stack([self.parts[row // self.chunk][row % self.chunk] for row in rows])
        return torch.from_numpy(taken.astype(np.float32))


def maps_of(part: Part, on: OnBackbone) -> KeptMaps:
    """Return the maps of the images of `part`, kept or computed.

    Images of 224 pixels take 125 KB each on EfficientNet-Lite0. Raises Stopped on a signal.
    """
    return KeptMaps(kept_files(part, on, maps=True), chunk=features.CHUNK)


def moments(parts: Sequence[KeptMaps], *, batch: int = 64) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each map over all images and places, float32 [1,F,1,1].

    The deviation of a constant map is 1. Raises TrainingError where a value is not finite.
    """
    total, squares, count = torch.zeros(()), torch.zeros(()), 0
    for part in parts:
        for start in range(0, len(part), batch):
            maps = part.take(range(start, min(start + batch, len(part)))).double()
            total = total + maps.sum((0, 2, 3))
            squares = squares + maps.square().sum((0, 2, 3))
            count += maps.numel() // maps.shape[1]
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
    if not bool(torch.isfinite(deviation).all()):
        raise TrainingError(
            "the backbone's last maps are not finite in half precision, in which they are kept: set "
            "model.head=linear, or train.precision=fp32 where it is bf16"
        )
    deviation = torch.where(deviation > 1e-6, deviation, 1.0)
    return mean.float().view(1, -1, 1, 1), deviation.float().view(1, -1, 1, 1)
