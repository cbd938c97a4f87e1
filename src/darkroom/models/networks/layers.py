"""Layers that act on the whole batch, also where each of several processes has a share of it."""

import torch
from torch import Tensor, nn

from darkroom.models import processes


class BatchNorm(nn.BatchNorm2d):
    """Batch norm over the whole batch, also where each of several processes has a share of it.

    torch's SyncBatchNorm does the same on GPUs only.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,H,W] to the same shape."""
        if not self.training or processes.count() == 1:
            return super().forward(x)
        wide = x.float()
        here = torch.tensor(float(x.numel() // x.shape[1]), device=x.device)
        count = processes.added_up(here)
        mean = processes.added_up(wide.sum((0, 2, 3))) / count
        centred = wide - mean.view(1, -1, 1, 1)
        variance = processes.added_up(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.momentum is not None
            assert self.num_batches_tracked is not None
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = (variance + self.eps).rsqrt() * self.weight
        return (centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)).to(x.dtype)


class Dropout(nn.Dropout):
    """Dropout of [B,F] whose mask is drawn for the whole batch; each process applies its share of it."""

    def forward(self, x: Tensor) -> Tensor:
        """[B,F] to the same shape."""
        if not self.training or not self.p or processes.count() == 1:
            return super().forward(x)
        size = torch.tensor(len(x), device=x.device)
        processes.add_up(size)
        ones = torch.ones(int(size), *x.shape[1:], device=x.device, dtype=x.dtype)
        return x * processes.share(super().forward(ones))
