"""The learning rate's schedule."""

from collections.abc import Iterable

from torch.optim import Optimizer


def set_rates(optimizers: Iterable[Optimizer], *, done: float, warmup: float) -> None:
    """Set the learning rate of every parameter group for the share `done` (0 to 1) of training.

    It rises linearly from 0 to the group's `peak_lr` during the share `warmup` (0 to below 1), then falls
    linearly to 0 at the end, or at the share `stops` where the group stops earlier.
    """
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * rate_share(done / group["stops"], warmup=warmup)


def rate_share(done: float, *, warmup: float) -> float:
    """Return the learning rate as a share of its peak, after the share `done` of training.

    >>> [rate_share(done, warmup=0.2) for done in (0.0, 0.1, 0.2, 0.6, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    rise = done / warmup if warmup else 1.0
    fall = (1 - done) / (1 - warmup)
    return max(0.0, min(rise, fall))
