"""Muon for convolutions, SGD for everything else: the optimizers of airbench94 (Jordan 2024)."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from darkroom.training.optimizers.settings import OptimizerSettings, trained_weights

# The learning rates per image of airbench94 for what is not a convolution, at its Muon rate of 0.24. They
# keep that ratio to the Muon rate over batch sizes.
HEAD_RATE = 0.67
BIAS_RATE = 0.053
SGD_MOMENTUM = 0.85
MUON_MOMENTUM = 0.6


class Muon(Optimizer):
    """Momentum with orthogonalised steps (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon).

    For convolution filters, each seen as a matrix [out, in*height*width]; they are kept at a norm of
    sqrt(out) as in airbench94. torch.optim.Muon takes matrices only and keeps no norm. `precision` is the
    dtype of the products that make a step orthogonal.
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


def orthogonalise(matrix: Tensor, precision: torch.dtype = torch.float32, *, steps: int = 3) -> Tensor:
    """Return `matrix` [m,n] with its singular values brought near 1 by quintic Newton-Schulz steps.

    The coefficients are those of the Muon page: steep at zero, so that few steps are enough. That page
    computes in bf16, which is far slower than fp32 on a processor that only emulates it (docs/training.md).
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


def build(net: nn.Module, settings: OptimizerSettings) -> list[Optimizer]:
    """Build SGD for the linear layer and the biases, and Muon for the convolutions.

    For nets whose matrices are convolutions and one linear layer. Weight decay is airbench94's: for head and
    biases, before momentum. The biases of a whitening stem stop learning after the share `stem_until` of
    training.
    """
    trained = trained_weights(net)
    filters = [weight for weight in trained.values() if weight.ndim == 4]
    stem = [weight for name, weight in trained.items() if name == "whitening.bias"]
    head = [weight for weight in trained.values() if weight.ndim == 2]
    biases = [weight for name, weight in trained.items() if weight.ndim == 1 and name != "whitening.bias"]
    groups = [
        {
            "params": weights,
            # the published rates are for a loss summed over the batch; ours is its mean
            "lr": rate * settings.batch_size,
            "weight_decay": settings.weight_decay / rate,
            "stops": stops,  # the share of training after which the rate is 0
        }
        for weights, rate, stops in (
            (stem, BIAS_RATE, settings.stem_until),
            (biases, BIAS_RATE, 1.0),
            (head, HEAD_RATE, 1.0),
        )
    ]
    sgd = torch.optim.SGD(groups, lr=HEAD_RATE, momentum=SGD_MOMENTUM, nesterov=True)
    return [sgd, Muon(filters, lr=settings.learning_rate, precision=settings.precision)]
