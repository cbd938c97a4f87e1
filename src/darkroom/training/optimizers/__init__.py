"""Optimizers: one file an optimizer, found in `OPTIMIZERS` by its name in params.yaml (train.optimizer).

All of them give the learning rate's schedule and the weight decay the same meaning.
"""

from collections.abc import Callable

from torch import nn
from torch.optim import Optimizer

from darkroom.training.optimizers import adam, muon, rmsprop, sgd
from darkroom.training.optimizers.settings import OptimizerSettings

__all__ = ["OPTIMIZERS", "OptimizerSettings", "build_optimizers"]

OPTIMIZERS: dict[str, Callable[[nn.Module, OptimizerSettings], list[Optimizer]]] = {
    "muon": muon.build,
    "sgd": sgd.build,
    "adam": adam.build,
    "rmsprop": rmsprop.build,
}


def build_optimizers(net: nn.Module, name: str, settings: OptimizerSettings) -> list[Optimizer]:
    """Return the optimizers that together train `net`: one, or two for `muon`.

    Each parameter group keeps its peak learning rate in `peak_lr`, and in `stops` the share of training after
    which its rate is 0; `schedule.set_rates` reads both. Raises ValueError for a name that is not in
    `OPTIMIZERS`.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer {name!r} is unknown: {', '.join(OPTIMIZERS)}")
    optimizers = OPTIMIZERS[name](net, settings)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
            group.setdefault("stops", 1.0)
    return optimizers
