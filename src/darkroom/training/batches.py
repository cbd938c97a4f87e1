"""The batches of an epoch: which images, in which order, augmented and at the epoch's resolution."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.data.augmentation import augment
from darkroom.data.flips import mirrored
from darkroom.models import processes
from darkroom.models.inference import to_device
from darkroom.training.resolution import shrink
from darkroom.training.state import TrainingState


@dataclass(frozen=True)
class Batch:
    """This process's share of a batch, on the training device.

    Attributes:
        images: standardised, float32 [B,C,H,W].
        labels: int64 [B].
        rows: of each image, its place among the training images, int64 [B].
    """

    images: Tensor
    labels: Tensor
    rows: Tensor


def epoch_order(state: TrainingState, generator: torch.Generator) -> Tensor:
    """Return the places of the epoch's training images in the order in which they are shown, int64 [images].

    Where the epoch sees a part of the images, these are the ones with the largest last loss.
    """
    images = state.plan.images
    order = torch.randperm(images, generator=generator)
    if images < len(state.train):
        order = state.last_loss.topk(images).indices[order]
    return order


def batches(state: TrainingState, order: Tensor, generator: torch.Generator) -> Iterator[Batch]:
    """Yield the batches of the epoch that comes next; images that fill no batch are left out.

    `generator`, on the CPU, draws the augmentation of each batch when it is yielded.
    """
    augmentation = state.params.augment
    flipped = mirrored(len(state.train), len(state.history), seed=state.params.seed, flip=augmentation.flip)
    fill = (state.classifier.mean.flatten() * 255).round().to(torch.uint8)
    rows = order.numpy()
    for step in range(state.plan.steps):
        chosen = rows[step * state.batch_size : (step + 1) * state.batch_size]
        labels = processes.share(torch.from_numpy(state.train.labels[chosen])).to(state.device)
        images = augment(
            to_device(state.train.images[chosen], state.device),
            flipped[chosen].to(state.device),
            translate=augmentation.translate,
            cutout=augmentation.cutout,
            fill=fill,
            generator=generator,
        )
        x = state.classifier.standardise(shrink(processes.share(images), state.plan.side))
        yield Batch(x, labels, processes.share(torch.from_numpy(chosen)).to(state.device))
