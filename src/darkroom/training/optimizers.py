"""The optimizers, with one meaning for the learning rate's schedule and for weight decay."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

# The rates an image of airbench94 with Muon (Jordan 2024), for what is not a convolution, at its
# Muon rate of 0.24. They keep that ratio to the Muon rate over batch sizes.
HEAD_RATE = 0.67
BIAS_RATE = 0.053
SGD_MOMENTUM = 0.85
MUON_MOMENTUM = 0.6


class Muon(Optimizer):
    """Momentum whose step is made orthogonal (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon).

    For convolution filters, each seen as a matrix [out, in*height*width]; they are kept at a norm of
    sqrt(out) as in airbench94. torch.optim.Muon takes matrices alone and keeps no norm. `precision` is the
    dtype of the products that make it orthogonal.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float,
        momentum: float = MUON_MOMENTUM,
        precision: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})
        self.precision = precision

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # none re-evaluates the loss
        """Take one step along the orthogonalised Nesterov momentum."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                momentum = state["momentum_buffer"].mul_(group["momentum"]).add_(weight.grad)
                direction = weight.grad.add(momentum, alpha=group["momentum"])
                weight.mul_(len(weight) ** 0.5 / weight.norm())
                step = orthogonalise(direction.reshape(len(direction), -1), self.precision)
                weight.add_(step.view_as(weight), alpha=-group["lr"])


class RMSprop(torch.optim.RMSprop):
    """RMSprop with decoupled weight decay, as AdamW's.

    Torch's own adds the decay to the gradient, whose size RMSprop then divides away. A group's `decay` is
    the share of a weight removed per step at a rate of 1.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # none re-evaluates the loss
        """Shrink the weights, then take RMSprop's step."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["decay"])
        super().step()


def orthogonalise(matrix: Tensor, precision: torch.dtype = torch.float32, *, steps: int = 3) -> Tensor:
    """Bring the singular values of `matrix` [m,n] near 1 by quintic Newton-Schulz steps.

    The coefficients are those of the Muon page: steep at zero, so that few steps are enough. There it is
    done in bf16, which is far slower than fp32 where the processor only imitates it (docs/training.md).
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x: Tensor = matrix.to(precision)
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = (x.T if tall else x).to(matrix.dtype)
    return result


def build_optimizers(
    net: nn.Module,
    *,
    name: str,
    learning_rate: float,
    weight_decay: float,
    batch_size: int,
    stem_until: float = 1.0,
    precision: torch.dtype = torch.float32,
) -> list[Optimizer]:
    """Return the optimizers that together train `net`; each group keeps its peak rate in `peak_lr`.

    `weight_decay` is the share of a weight removed per image seen at the peak rate, with sgd (Nesterov
    momentum 0.9), adam and rmsprop; muon takes it as airbench94 does: for head and biases, before
    momentum. `muon` is for nets whose matrices are convolutions and one linear layer; it leaves the biases
    of a whitening stem as they are after the share `stem_until` of training, and makes its steps orthogonal
    in `precision`.
    """
    trained = {key: weight for key, weight in net.named_parameters() if weight.requires_grad}
    optimizers: list[Optimizer]
    # removed at each step is the rate times this
    decay = weight_decay * batch_size / learning_rate
    if name == "muon":
        filters = [weight for weight in trained.values() if weight.ndim == 4]
        stem = [weight for key, weight in trained.items() if key == "whitening.bias"]
        head = [weight for weight in trained.values() if weight.ndim == 2]
        biases = [weight for key, weight in trained.items() if weight.ndim == 1 and key != "whitening.bias"]
        groups = []
        for weights, rate, stops in (
            (stem, BIAS_RATE, stem_until),
            (biases, BIAS_RATE, 1.0),
            (head, HEAD_RATE, 1.0),
        ):
            groups.append(
                {
                    "params": weights,
                    # the published rates are for a loss summed over the batch; ours is its mean
                    "lr": rate * batch_size,
                    "weight_decay": weight_decay / rate,
                    "stops": stops,  # the share of training after which the rate is 0
                }
            )
        sgd = torch.optim.SGD(groups, lr=HEAD_RATE, momentum=SGD_MOMENTUM, nesterov=True)
        optimizers = [sgd, Muon(filters, lr=learning_rate, precision=precision)]
    elif name == "sgd":
        optimizers = [
            torch.optim.SGD(
                trained.values(), lr=learning_rate, momentum=0.9, nesterov=True, weight_decay=decay
            )
        ]
    elif name == "adam":
        # decoupled: Adam's second moment would scale the decay away (Loshchilov & Hutter, arXiv:1711.05101)
        optimizers = [torch.optim.AdamW(trained.values(), lr=learning_rate, weight_decay=decay)]
    elif name == "rmsprop":
        optimizers = [RMSprop([{"params": list(trained.values()), "decay": decay}], lr=learning_rate)]
    else:
        raise ValueError(f"optimizer {name!r} is unknown: muon, sgd, adam or rmsprop")
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
            group.setdefault("stops", 1.0)
    return optimizers


def set_rates(optimizers: Iterable[Optimizer], *, done: float, warmup: float) -> None:
    """Set every rate for the share `done` of training: up in a line during `warmup`, then down to 0."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            share = done / group["stops"]
            rise = share / warmup if warmup else 1.0
            fall = (1 - share) / (1 - warmup)
            group["lr"] = group["peak_lr"] * max(0.0, min(rise, fall))
