"""What the network gets to see: training images augmented and scaled as the loop does it."""

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.config import Params
from darkroom.config.augment import Augment
from darkroom.data.augmentation import augment
from darkroom.data.flips import mirrored
from darkroom.data.splits import Split
from darkroom.training.resolution import shrink

SHOWN = 16  # images of a batch


def previews(train: Split, params: Params, *, mean: tuple[float, ...]) -> dict[str, NDArray[np.uint8]]:
    """Return training images, uint8 [n,h,w,C], as the network gets them in the first and the last epoch."""
    first = params.train.low_resolutions[0] if params.train.low_resolutions else 0
    last = params.train.epochs - 1
    return {
        title: preview(
            train, count=SHOWN, epoch=epoch, side=side, seed=params.seed, settings=params.augment, mean=mean
        )
        for title, epoch, side in (("the first epoch", 0, first), (f"epoch {last + 1}, the last", last, 0))
    }


def preview(
    train: Split, *, count: int, epoch: int, side: int, seed: int, settings: Augment, mean: tuple[float, ...]
) -> NDArray[np.uint8]:
    """Return some training images as a batch of an epoch has them, before they are standardised.

    Args:
        train: the training images.
        count: how many, at most; they are drawn at random.
        epoch: from 0; which images are mirrored depends on it.
        side: shorter side in pixels in that epoch; 0 is full size.
        seed: draws the images and their augmentation.
        settings: the section `augment`.
        mean: of each channel, 0 to 1: the colour of a cutout.

    Returns:
        uint8 [n,h,w,C].
    """
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(train), generator=generator)[:count].numpy()
    flipped = mirrored(len(train), epoch, seed=seed, flip=settings.flip)
    images = augment(
        torch.from_numpy(np.array(train.images[rows])),
        flipped[rows],
        translate=settings.translate,
        cutout=settings.cutout,
        fill=(torch.tensor(mean) * 255).round().to(torch.uint8),
        generator=generator,
    )
    return np.asarray(shrink(images, side).numpy(), dtype=np.uint8)
