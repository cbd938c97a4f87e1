"""The batches of an epoch: which images, in which order, augmented and at the epoch's resolution."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.data.augmentation import augment
from darkroom.data.flips import mirrored
from darkroom.models import processes
from darkroom.models.inference import to_device
from darkroom.training.progress import EpochProgress
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


def batches(state: TrainingState, progress: EpochProgress) -> Iterator[Batch]:
    """Yield the batches that the epoch has left; images that fill no batch are left out.

    The augmentation of each batch is drawn when it is yielded.
    """
    augmentation = state.params.augment
    flipped = mirrored(len(state.train), len(state.history), seed=state.params.seed, flip=augmentation.flip)
    fill = (state.classifier.mean.flatten() * 255).round().to(torch.uint8)
    rows = progress.order.numpy()
    for step in range(progress.step, state.plan.steps):
        chosen = rows[step * state.batch_size : (step + 1) * state.batch_size]
        labels = processes.share(torch.from_numpy(state.train.labels[chosen])).to(state.device)
        images = augment(
            to_device(state.train.images[chosen], state.device),
            flipped[chosen].to(state.device),
            translate=augmentation.translate,
            cutout=augmentation.cutout,
            fill=fill,
            generator=progress.generator,
        )
        x = state.classifier.standardise(shrink(processes.share(images), state.plan.side))
        yield Batch(x, labels, processes.share(torch.from_numpy(chosen)).to(state.device))
