"""Training: one loop for every architecture, resumed where it was left, the best epoch kept."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer
from tqdm import tqdm

from darkroom.augment import augment
from darkroom.checkpoints import load_checkpoint, save_checkpoint
from darkroom.inference import PREDICTION_BATCH, to_device
from darkroom.models import WHITENING_PICTURES, Classifier, FastNet, build_classifier
from darkroom.optimizers import build_optimizers, set_rates
from darkroom.params import Params
from darkroom.splits import Meta, Split


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step and what to try."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. The training figures are of the augmented pictures, as it went."""

    epoch: int  # from 1
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float  # of one view at full resolution
    learning_rate: float  # at the epoch's last step
    seconds: float  # training and validation
    pictures_per_second: float  # training alone


@dataclass(frozen=True)
class Fit:
    """A finished training: all epochs, and the one whose weights the classifier now has."""

    history: list[Epoch]
    best: Epoch
    stopped_early: bool


def model_config(params: Params, meta: Meta) -> dict[str, Any]:
    """Return all that `build_classifier` needs: the model's parameters and the data's shape."""
    return {
        "name": meta.name,
        "classes": list(meta.classes),
        "height": meta.height,
        "width": meta.width,
        "channels": meta.channels,
        "mean": list(meta.mean),
        "std": list(meta.std),
        **params.model.model_dump(mode="json"),
    }


def new_classifier(config: dict[str, Any], train: Split, *, seed: int) -> Classifier:
    """Build a classifier with fresh weights by `seed`; the whitening stem sees training pictures."""
    torch.manual_seed(seed)
    classifier = build_classifier(config)
    if isinstance(classifier.net, FastNet):
        pictures = to_device(train.images[:WHITENING_PICTURES], torch.device("cpu"))
        classifier.net.whiten(classifier.standardise(pictures))
    return classifier


def fit(
    classifier: Classifier,
    train: Split,
    validation: Split,
    *,
    params: Params,
    device: torch.device,
    precision: torch.dtype,
    checkpoints: Path | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Fit:
    """Train `classifier` in place by `params.train` and `params.augment`.

    With a folder for `checkpoints`, each epoch leaves one there, a training that was killed goes on
    from the last, and the classifier ends with the weights of the epoch of the best validation
    accuracy; without one it ends with those of the last epoch. The order of the pictures, their
    augmentation and dropout depend on the seed and the epoch alone, so a resumed training ends like
    one that was not interrupted. `on_epoch` is called before an epoch's checkpoint is written; what
    it raises ends the training. Raises TrainingError when the loss is not finite.
    """
    settings = params.train
    classifier.to(device)
    classifier.net.to(memory_format=torch.channels_last)
    optimizers = build_optimizers(
        classifier.net,
        name=settings.optimizer,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        batch_size=min(settings.batch_size, len(train)),
    )
    history: list[Epoch] = []
    if checkpoints:
        meta = load_checkpoint(checkpoints / "last.safetensors", classifier, optimizers)
        history = [Epoch(**epoch) for epoch in meta["history"]] if meta else []
        if history:
            print(f"resuming after epoch {history[-1].epoch} of {settings.epochs}")
    while len(history) < settings.epochs and not _out_of_patience(history, settings.patience):
        started = time.perf_counter()
        loss, accuracy, rate = _train_epoch(
            classifier,
            train,
            optimizers,
            epoch=len(history),
            params=params,
            device=device,
            precision=precision,
        )
        trained = time.perf_counter()
        validation_loss, validation_accuracy = evaluate(
            classifier, validation, device=device, precision=precision
        )
        if not math.isfinite(validation_loss):
            raise TrainingError(
                f"the validation loss is {validation_loss} after epoch {len(history) + 1}: try a smaller "
                f"train.learning_rate (now {settings.learning_rate:g}) or train.precision=fp32"
            )
        epoch = Epoch(
            epoch=len(history) + 1,
            train_loss=loss,
            train_accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=rate,
            seconds=time.perf_counter() - started,
            pictures_per_second=len(train) / (trained - started),
        )
        history.append(epoch)
        on_epoch(epoch)
        if checkpoints:
            state = {"history": [asdict(past) for past in history]}
            if _best(history) is epoch:
                save_checkpoint(checkpoints / "best.safetensors", classifier, [], state)
            save_checkpoint(checkpoints / "last.safetensors", classifier, optimizers, state)
    if checkpoints and load_checkpoint(checkpoints / "best.safetensors", classifier, []) is None:
        raise TrainingError(
            f"the best epoch's checkpoint in {checkpoints} is gone or damaged: delete it and train again"
        )
    classifier.eval()
    return Fit(history, _best(history), stopped_early=len(history) < settings.epochs)


@torch.inference_mode()
def evaluate(
    classifier: Classifier, split: Split, *, device: torch.device, precision: torch.dtype
) -> tuple[float, float]:
    """Return cross-entropy and accuracy of a split, each picture as it is (one view)."""
    classifier.eval()
    loss, right = 0.0, 0
    for start in range(0, len(split), PREDICTION_BATCH):
        labels = torch.from_numpy(split.labels[start : start + PREDICTION_BATCH]).to(device)
        pictures = to_device(split.images[start : start + PREDICTION_BATCH], device)
        with _autocast(device, precision):
            logits = classifier.net(classifier.standardise(pictures))
        loss += F.cross_entropy(logits.float(), labels, reduction="sum").item()
        right += int((logits.argmax(1) == labels).sum())
    return loss / len(split), right / len(split)


def _train_epoch(
    classifier: Classifier,
    train: Split,
    optimizers: Sequence[Optimizer],
    *,
    epoch: int,
    params: Params,
    device: torch.device,
    precision: torch.dtype,
) -> tuple[float, float, float]:
    """Train for one epoch (from 0); return mean loss, accuracy and the last learning rate."""
    settings = params.train
    batch = min(settings.batch_size, len(train))
    steps = len(train) // batch
    seed = params.seed * 100_003 + epoch
    torch.manual_seed(seed)  # dropout
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(train), generator=generator)
    mirrored = _mirrored(len(train), epoch, seed=params.seed, flip=params.augment.flip)
    fill = (classifier.mean.flatten() * 255).round().to(torch.uint8)
    side = settings.low_resolution if epoch < settings.low_resolution_epochs else 0
    classifier.train()
    total_loss = torch.zeros((), device=device)
    right = torch.zeros((), device=device, dtype=torch.int64)
    bar = tqdm(
        range(steps), desc=f"epoch {epoch + 1}/{settings.epochs}", unit="step", disable=None, leave=False
    )
    for step in bar:
        done = (epoch * steps + step) / (settings.epochs * steps)
        set_rates(optimizers, done=done, warmup=settings.warmup)
        _freeze(optimizers, done)
        chosen = order[step * batch : (step + 1) * batch]
        labels = torch.from_numpy(train.labels[chosen.numpy()]).to(device)
        pictures = augment(
            to_device(train.images[chosen.numpy()], device),
            mirrored[chosen].to(device),
            translate=params.augment.translate,
            cutout=params.augment.cutout,
            fill=fill,
            generator=generator,
        )
        x = _shrink(classifier.standardise(pictures), side)
        with _autocast(device, precision):
            logits = classifier.net(x)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=settings.label_smoothing)
        if not math.isfinite(loss.item()):
            raise TrainingError(
                f"the loss is {loss.item()} at step {step + 1} of epoch {epoch + 1}: try a smaller "
                f"train.learning_rate (now {settings.learning_rate:g}) or train.precision=fp32"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        total_loss += loss.detach()
        right += (logits.argmax(1) == labels).sum()
    rate = optimizers[-1].param_groups[0]["lr"]
    return total_loss.item() / steps, right.item() / (steps * batch), rate


def _mirrored(count: int, epoch: int, *, seed: int, flip: bool) -> Tensor:
    """Say which pictures are mirrored: by chance in epoch 0, then every other time.

    Alternating shows each picture both ways in two epochs (Jordan 2024, arXiv:2404.00498).
    """
    if not flip:
        return torch.zeros(count, dtype=torch.bool)
    coin = torch.rand(count, generator=torch.Generator().manual_seed(seed)) < 0.5
    return coin ^ (epoch % 2 == 1)


def _freeze(optimizers: Sequence[Optimizer], done: float) -> None:
    """Stop computing gradients of weights whose rate has come to 0 for good."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if done >= group["stops"]:
                for weight in group["params"]:
                    weight.requires_grad_(False)


def _shrink(x: Tensor, side: int) -> Tensor:
    """Scale [B,C,H,W] so that its shorter side is `side` pixels; 0, or a side it has already, leaves it."""
    shorter = min(x.shape[2:])
    if not 0 < side < shorter:
        return x
    size = [max(1, round(length * side / shorter)) for length in x.shape[2:]]
    return F.interpolate(x, size=size, mode="bilinear", antialias=True)


def shrink_split(split: Split, side: int) -> Split:
    """Return a copy of a split in memory with its pictures' shorter side at `side` pixels."""
    parts = []
    for start in range(0, len(split), PREDICTION_BATCH):
        pictures = to_device(split.images[start : start + PREDICTION_BATCH], torch.device("cpu"))
        small = _shrink(pictures.permute(0, 3, 1, 2).float(), side).round().clamp(0, 255)
        parts.append(small.permute(0, 2, 3, 1).to(torch.uint8).numpy())
    return Split(np.concatenate(parts), split.labels)


def _autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision is torch.bfloat16)


def _best(history: Sequence[Epoch]) -> Epoch:
    return max(history, key=lambda epoch: epoch.validation_accuracy)  # the first of equals


def _out_of_patience(history: Sequence[Epoch], patience: int) -> bool:
    return bool(history) and history[-1].epoch - _best(history).epoch >= patience
