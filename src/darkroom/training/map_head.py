"""The training of a head on a frozen backbone's last maps, for several labels.

By AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) over maps that are computed once, at a constant rate,
with an exponential average of the weights, which is validated after every pass. Passes end when the mAP of
the validation images has not risen for `PATIENCE` of them. `train.epochs`, `patience`, the optimizer and the
learning rate have no part.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from darkroom.config import Params
from darkroom.config.train import Train
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.evaluation.multilabel.per_image import exact
from darkroom.models.heads.net import MapsNet
from darkroom.training.averaging import Average
from darkroom.training.features import OnBackbone, Part
from darkroom.training.history import BestByPrecision, Fit, TrainingError
from darkroom.training.label_head import label_losses
from darkroom.training.losses.multilabel import build_label_loss
from darkroom.training.maps import KeptMaps, maps_of, moments

PASSES, PATIENCE = 60, 8  # over the images, at most, and without a higher mAP
BATCH, RATE, DECAY = 64, 5e-4, 0.01  # images a step, and of AdamW
LEAST_STEPS = 20  # of a pass: of fewer than 1,280 images it goes over them several times
MEMORY = 40  # of the average of the weights, in steps


@dataclass(frozen=True)
class MapHead(BestByPrecision):
    """The figures of one pass; accuracies are exact matches."""


@dataclass(frozen=True)
class MapHeadFit(Fit):
    """A trained head.

    Attributes:
        feature_seconds: in which the maps were computed, or found where they were kept.
    """

    feature_seconds: float = 0.0


def train_map_head(
    on: OnBackbone,
    train: Part,
    validation: Part,
    *,
    params: Params,
    on_epoch: Callable[[MapHead], None] = lambda head: None,
) -> MapHeadFit:
    """Train the head of a classifier, whose net is a `MapsNet`, in place; its trunk stays.

    The arguments are those of `head.train_head`. Of `params.train` the loss with its class_weights and
    label_smoothing, device and precision have a part. A training that was stopped finds its maps again, and
    starts the head again. Raises TrainingError when the loss is not finite, and Stopped on a signal.
    """
    began = time.perf_counter()
    views = [False] if params.augment.flip == "none" else [False, True]
    seen = [maps_of(replace(train, mirrored=mirrored), on) for mirrored in views]
    held_out = maps_of(validation, on)
    seconds = time.perf_counter() - began
    net = on.classifier.to(on.device).net
    assert isinstance(net, MapsNet)
    labels = [torch.from_numpy(np.array(part.split.labels)).to(on.device) for part in (train, validation)]
    fitted = fit_map_head(
        net, seen, labels[0], held_out, labels[1], settings=params.train, seed=params.seed, on_epoch=on_epoch
    )
    on.classifier.to("cpu").eval()
    return MapHeadFit(fitted.history, fitted.best, fitted.stopped_early, seconds)


def fit_map_head(
    net: MapsNet,
    train: Sequence[KeptMaps],
    train_labels: Tensor,
    validation: KeptMaps,
    validation_labels: Tensor,
    *,
    settings: Train,
    seed: int = 0,
    on_epoch: Callable[[MapHead], None] = lambda head: None,
) -> Fit:
    """Train the head of `net` in place and return the passes; it has the weights of the best one.

    Sets torch's global seed.

    Args:
        net: on the device that trains.
        train: the maps of the training images, by view: each pass takes one of them for each image.
        train_labels: int8 [N,L], on the same device.
        validation: the maps of the validation images.
        validation_labels: int8 [M,L], on the same device.
        settings: the section `train`.
        seed: of the order of the images, their views, and dropout.
        on_epoch: is called after each pass.

    Raises TrainingError when the loss is not finite.
    """
    torch.manual_seed(seed)
    device = train_labels.device
    net.mean, net.scale = (part.to(device) for part in moments(train))
    net.head.prepare(train_labels)
    loss = build_label_loss(settings, train_labels)
    average = Average(net.head, kind="ema", memory=MEMORY)
    optimizer = torch.optim.AdamW(net.head.parameters(), lr=RATE, weight_decay=DECAY)
    history: list[MapHead] = []
    for number in range(1, PASSES + 1):
        began = time.perf_counter()
        train_loss = _pass(net, train, train_labels, loss, optimizer, average)
        if not math.isfinite(train_loss):
            raise TrainingError(
                f"the loss of the head is {train_loss} in pass {number}: set model.head=linear, or another "
                "train.loss"
            )
        trained = time.perf_counter() - began
        learning, net.head = net.head, average.module
        logits, seen = _logits(net, validation, device), _logits(net, train[0], device)
        precision = mean_average_precision(logits.numpy(), validation_labels.cpu().numpy())
        if not history or precision > max(one.validation_average_precision or 0 for one in history):
            kept = {name: value.clone() for name, value in net.head.state_dict().items()}
        net.head = learning
        history.append(
            MapHead(
                epoch=number,
                train_loss=train_loss,
                train_accuracy=float(exact((seen > 0).numpy(), train_labels.cpu().numpy()).mean()),
                validation_loss=label_losses(logits, validation_labels.cpu()).mean().item(),
                validation_accuracy=float(
                    exact((logits > 0).numpy(), validation_labels.cpu().numpy()).mean()
                ),
                learning_rate=RATE,
                seconds=time.perf_counter() - began,
                images_per_second=len(train_labels) * times_a_pass(len(train_labels)) / trained,
                validation_average_precision=precision,
            )
        )
        on_epoch(history[-1])
        best = max(history, key=lambda one: one.validation_average_precision or 0.0)
        if number - best.epoch >= PATIENCE:
            break
    net.head.load_state_dict(kept)
    net.eval()
    return Fit(list(history), best, stopped_early=len(history) < PASSES)


def times_a_pass(images: int) -> int:
    """Return how often a pass goes over so many images: once, or as often as gives `LEAST_STEPS`.

    >>> times_a_pass(1300), times_a_pass(64)
    (1, 20)
    """
    return max(1, LEAST_STEPS // math.ceil(images / BATCH))


def progress_line(head: MapHead) -> str:
    """Return a line on a pass."""
    return (
        f"pass {head.epoch:2d}  loss {head.train_loss:.3f}  validation mAP "
        f"{head.validation_average_precision:.2%}, exact match {head.validation_accuracy:.2%}  "
        f"{head.images_per_second:.0f} images/s  {head.seconds:.1f} s"
    )


def _pass(
    net: MapsNet,
    train: Sequence[KeptMaps],
    labels: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    average: Average[Any],
) -> float:
    """Go over the images, each in a view that is drawn; return the mean loss."""
    net.train()
    total = 0.0
    order = torch.cat([torch.randperm(len(labels)) for _ in range(times_a_pass(len(labels)))])
    for rows in torch.split(order, BATCH):
        views = torch.randint(len(train), (len(rows),)).tolist()
        picked = [train[view].take([row]) for view, row in zip(views, rows.tolist(), strict=True)]
        maps = net.standardised(torch.cat(picked).to(labels.device))
        losses = net.head.losses(maps, labels[rows.to(labels.device)], loss)
        optimizer.zero_grad()
        losses.mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        average.step(1, 2)  # of an exponential average the step's number has no part
        total += losses.sum().item()
    return total / len(order)


@torch.inference_mode()
def _logits(net: MapsNet, maps: KeptMaps, device: torch.device) -> Tensor:
    """Return the logits float32 [N,L] of images by their maps, on the CPU."""
    net.eval()
    starts = range(0, len(maps), BATCH)
    parts = (maps.take(range(start, min(start + BATCH, len(maps)))) for start in starts)
    return torch.cat([net.of_maps(part.to(device)).float().cpu() for part in parts])
