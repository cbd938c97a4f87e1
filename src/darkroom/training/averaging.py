"""Averages of the weights over the steps, kept beside the weights that are trained."""

import copy
import math
from typing import Generic, TypeVar

import torch
from torch import nn

LOOKAHEAD_STEPS = 5
LOOKAHEAD_DECAY = 0.95
M = TypeVar("M", bound=nn.Module)


class Average(Generic[M]):
    """A copy of a module whose weights follow those of the trained module.

    `ema`: an exponential moving average with a memory of `memory` steps; it is validated and kept.
    `lookahead`: every five steps the copy moves towards the trained weights, which then continue from the
    copy (Zhang et al. 2019, arXiv:1907.08610). Its decay is that of airbench94 (Jordan 2024,
    arXiv:2404.00498): it rises with the cube of the share of training done, to `0.95**5`.

    Raises ValueError for another kind.
    """

    def __init__(self, trained: M, *, kind: str, memory: float) -> None:
        if kind not in ("ema", "lookahead"):
            raise ValueError(f"average {kind!r} is unknown: ema or lookahead")
        self.trained = trained
        self.module = copy.deepcopy(trained)
        self.kind = kind
        self.memory = memory

    def step(self, step: int, steps: int) -> None:
        """Update the average after step `step` (from 1) of `steps` in total."""
        if self.kind == "ema":
            self._follow(math.exp(-1 / self.memory))
        elif step == steps:
            self.trained.load_state_dict(self.module.state_dict())
        elif step % LOOKAHEAD_STEPS == 0:
            self._follow(LOOKAHEAD_DECAY**LOOKAHEAD_STEPS * (step / steps) ** 3)
            self.trained.load_state_dict(self.module.state_dict())

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        for mean, value in zip(
            self.module.state_dict().values(), self.trained.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)
