"""How long a step of each way to fine-tune takes on this machine, from steps on a copy of the classifier."""

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.config import Params
from darkroom.data.splits import Split
from darkroom.models.backbones.net import BackboneNet, LateNet
from darkroom.models.classifier import Classifier
from darkroom.models.inference import to_device
from darkroom.training.fine_tuning import of_maps
from darkroom.training.minutes import Clock, Way, step_seconds
from darkroom.training.plan import EpochPlan, plan_epochs
from darkroom.training.validation import autocast

MEASURED_IMAGES = 8  # of a step: more take longer to measure, and an image of them as long


def measured_ways(
    classifier: Classifier,
    train: Split,
    validation: Split,
    *,
    params: Params,
    device: torch.device,
    precision: torch.dtype,
    clock: Clock = time.perf_counter,
) -> tuple[list[Way], float]:
    """Return the ways to fine-tune that model.tune_backbone allows, and the seconds of what follows them.

    Of `all` they are all and last, of `last` the last. What follows is the prediction of the validation
    images by the linear layer and by both nets, with all views. Maps are computed by OpenVINO where that is
    quicker, so that their preparation is an upper bound.

    Args:
        classifier: with a backbone; it is not changed.
        train: the training images.
        validation: the validation images.
        params: params.yaml.
        device: to train on.
        precision: the dtype of convolutions and matrix products.
        clock: tells the time in seconds.
    """
    trial = copy.deepcopy(classifier).to(device).eval()
    net = trial.net
    assert isinstance(net, BackboneNet)
    few = min(MEASURED_IMAGES, len(train))
    x = trial.standardise(to_device(train.images[:few], device))
    if x.shape[1] == 1:
        x = x.expand(-1, 3, -1, -1).contiguous()
    labels = torch.from_numpy(train.labels[:few]).to(device)
    first = net.trunk.late
    early = nn.Sequential(*net.trunk.parts()[:first])
    how: dict[str, Any] = {"device": device, "precision": precision}

    def seconds(step: Callable[[], object]) -> float:
        return step_seconds(lambda: _waited(step, device), clock=clock) / few

    with torch.inference_mode():
        shown = seconds(lambda: _forward(net, x, **how))
        mapped = seconds(lambda: _forward(early, x, **how))
    with torch.no_grad():
        maps = _forward(early, x, **how).float()
    net.thaw(first)
    late = LateNet(net, first)
    of_map = seconds(lambda: _backward(late, maps, labels, **how))
    net.thaw(0)
    of_image = seconds(lambda: _backward(net, x, labels, **how))
    sides = 1 if params.augment.flip == "none" else 2
    count, held_out = len(train), len(validation)
    preparation = mapped * (count * sides + held_out)
    of_last = plan_epochs(of_maps(params).train, count * sides)
    last = Way("last", preparation, of_map * (_seen(of_last) + held_out / 3))
    side = min(train.images.shape[1:3])
    whole = Way("all", 0.0, of_image * _seen(plan_epochs(params.train, count), side) + shown * held_out)
    ways = [last] if params.model.tune_backbone == "last" else [whole, last]
    return ways, 3 * shown * held_out * params.model.views


def _seen(epochs: Sequence[EpochPlan], side: int = 0) -> float:
    """Return how many images of full size an epoch computes as much as, on average over `epochs`.

    Images at a lower resolution count by their pixels; `side` is the shorter one of the full size.
    """
    whole = [one.images * (one.side / side) ** 2 if one.side else one.images for one in epochs]
    return sum(whole) / len(whole)


def _forward(net: nn.Module, x: Tensor, *, device: torch.device, precision: torch.dtype) -> Tensor:
    with autocast(device, precision):
        result: Tensor = net(x)
    return result


def _backward(
    net: nn.Module, x: Tensor, labels: Tensor, *, device: torch.device, precision: torch.dtype
) -> None:
    loss = F.cross_entropy(_forward(net, x, device=device, precision=precision).float(), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    net.zero_grad()


def _waited(step: Callable[[], object], device: torch.device) -> None:
    """Run `step`, and wait for a GPU, which computes it later."""
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
