"""A member that is trained from scratch: its faults are others than those of layers on a backbone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from darkroom.config import Params
from darkroom.data.report import channel_statistics
from darkroom.data.splits import Split
from darkroom.models.ensemble import scratch_member
from darkroom.models.inference import pixels_of, prediction_batch, to_device
from darkroom.models.resampling import Resample
from darkroom.training.ensembles.members import Member, calibrated, image_logits
from darkroom.training.features import OnBackbone, Part
from darkroom.training.history import Epoch
from darkroom.training.loop import fit
from darkroom.training.start import OF_BACKBONES, new_classifier

SIDE = 64  # of the images in pixels, the shorter one: the default of data.side, which suits a CPU


def train_scratch(
    on: OnBackbone,
    train: Part,
    validation: Part,
    *,
    params: Params,
    checkpoints: Path | None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Member:
    """Train a net of model.architecture with `params.train` and `params.augment`; return it as a member.

    Its images are those of the training, resized as the graph will resize them, to a shorter side of `SIDE`
    pixels at most; they are in memory.

    Args:
        on: on whose device and in whose precision it is trained.
        train: the training images.
        validation: the validation images, which choose the epoch.
        params: params.yaml.
        checkpoints: a folder in which each epoch leaves a checkpoint.
        on_epoch: is called after each epoch.

    Raises TrainingError as `darkroom.training.loop.fit` does, and Stopped on a signal.
    """
    before = train.split.images.shape[1:3]
    side = min(SIDE, *before)
    height, width = (round(size * side / min(before)) for size in before)
    resample = Resample((before[0], before[1]), (height, width))
    images, held_out = (resampled(part.split, resample) for part in (train, validation))
    mean, std = channel_statistics(images.images)
    own = params.model.model_dump(mode="json", exclude=OF_BACKBONES)
    changes = {**own, "from_scratch": True, "height": height, "width": width, "mean": mean, "std": std}
    whole = {key: value for key, value in on.config.items() if key not in ("backbone", "seen_at")}
    classifier = new_classifier({**whole, **changes}, images, seed=params.seed)
    how: dict[str, Any] = {"device": on.device, "precision": on.precision, "on_epoch": on_epoch}
    fit(classifier, images, held_out, params=params, checkpoints=checkpoints, **how)
    net = scratch_member(classifier.to("cpu").net, on.config, changes).eval()
    logits = image_logits(net, on, validation.split)
    name = f"{params.model.architecture} from scratch at {width} by {height} pixels"
    return calibrated(name, changes, net, logits, validation.split.labels)


def resampled(split: Split, resample: Resample) -> Split:
    """Return a copy of a split, in memory, with images uint8 of the size that `resample` gives."""
    batch = prediction_batch(torch.device("cpu"), pixels=pixels_of(split))
    parts = []
    for start in range(0, len(split), batch):
        images = to_device(split.images[start : start + batch], torch.device("cpu")).permute(0, 3, 1, 2)
        small = resample(images.float()).round().clamp(0, 255).to(torch.uint8)
        parts.append(small.permute(0, 2, 3, 1).contiguous().numpy())
    return Split(np.concatenate(parts), split.labels)
