"""Training: one loop for every architecture, resumed where it was left, the best epoch kept."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from darkroom.config import Params
from darkroom.config.train import Train
from darkroom.data.augmentation import augment
from darkroom.data.flips import mirrored
from darkroom.data.splits import Split
from darkroom.models import processes
from darkroom.models.classifier import Classifier
from darkroom.models.inference import keep_freed_memory, to_device
from darkroom.training.averaging import Average
from darkroom.training.checkpoints import (
    load_checkpoint,
    load_optimizer_state,
    optimizer_state,
    save_checkpoint,
)
from darkroom.training.freezing import freeze
from darkroom.training.history import Epoch, Fit, TrainingError, advice, best_epoch, out_of_patience
from darkroom.training.optimizers import build_optimizers, set_rates
from darkroom.training.plan import EpochPlan, plan_epochs
from darkroom.training.resolution import shrink
from darkroom.training.validation import autocast, evaluate

# how often a GPU is made to wait for its losses to be looked at, in steps
GPU_LOSS_CHECK = 50


def fit(
    classifier: Classifier,
    train: Split,
    validation: Split | None,
    *,
    params: Params,
    device: torch.device,
    precision: torch.dtype,
    checkpoints: Path | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Fit:
    """Train `classifier` in place by `params.train` and `params.augment`.

    It ends with the weights of the epoch of the best validation accuracy, and stops when that no longer
    gains; without a validation split it ends with those of the last epoch. With a folder for `checkpoints`
    each epoch leaves one there, and a training that was killed goes on from the last. The order of the
    images, their augmentation and dropout depend on the seed and the epoch alone, so a resumed training
    ends like one that was not interrupted. Where processes train together each calls this with the same
    arguments; the first writes the checkpoints. `on_epoch` is called before an epoch's checkpoint is
    written; what it raises ends the training.

    Raises TrainingError when the loss is not finite or a checkpoint cannot be written.
    """
    settings = params.train
    if device.type == "cpu":
        keep_freed_memory()
    classifier.to(device)
    classifier.net.to(memory_format=torch.channels_last)
    batch = min(settings.batch_size, len(train))
    optimizers = build_optimizers(
        classifier.net,
        name=settings.optimizer,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        batch_size=batch,
        stem_until=settings.stem_until,
        precision=precision,
    )
    plans = plan_epochs(settings, len(train))
    last_loss = torch.full((len(train),), torch.inf)  # of each training image: not seen yet
    average: Average[Classifier] | None = None
    if settings.average != "none":
        memory = settings.average_memory * (len(train) // batch)
        average = Average(classifier, kind=settings.average, memory=memory)
    validated = average.module if average and average.kind == "ema" else classifier
    net = _compiled(classifier.net, settings, device)
    history: list[Epoch] = []
    best: dict[str, Tensor] = {}
    saved = load_checkpoint(checkpoints) if checkpoints else None
    if saved:
        states, meta = saved
        classifier.load_state_dict(states["classifier"])
        load_optimizer_state(optimizers, states.get("optimizers", {}))
        if average:
            average.module.load_state_dict(states["average"])
        best = states["best"]
        last_loss = states["images"]["last_loss"]
        history = [Epoch(**epoch) for epoch in meta["history"]]
        if processes.rank() == 0:
            print(f"resuming after epoch {history[-1].epoch} of {settings.epochs}")
    while len(history) < settings.epochs and not out_of_patience(history, settings.patience):
        started = time.perf_counter()
        loss, accuracy, rate = _train_epoch(
            classifier,
            net,
            train,
            optimizers,
            average,
            last_loss,
            plans=plans,
            epoch=len(history),
            params=params,
            device=device,
            precision=precision,
        )
        trained = time.perf_counter()
        validation_loss, validation_accuracy = None, None
        if validation is not None:
            validation_loss, validation_accuracy = evaluate(
                validated, validation, device=device, precision=precision
            )
            if not math.isfinite(validation_loss):
                raise TrainingError(
                    f"the validation loss is {validation_loss} after epoch {len(history) + 1}: "
                    f"{advice(settings)}"
                )
        epoch = Epoch(
            epoch=len(history) + 1,
            train_loss=loss,
            train_accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=rate,
            seconds=time.perf_counter() - started,
            images_per_second=plans[len(history)].images / (trained - started),
        )
        history.append(epoch)
        on_epoch(epoch)
        if best_epoch(history) is epoch:
            best = {key: value.detach().clone() for key, value in validated.state_dict().items()}
        if checkpoints and processes.rank() == 0:
            states = {
                "classifier": classifier.state_dict(),
                "optimizers": optimizer_state(optimizers),
                "average": average.module.state_dict() if average else {},
                "best": best,
                "images": {"last_loss": last_loss},
            }
            try:
                save_checkpoint(
                    checkpoints, epoch.epoch, states, {"history": [asdict(past) for past in history]}
                )
            except OSError as error:
                raise TrainingError(
                    f"the checkpoint of epoch {epoch.epoch} cannot be written ({error}): free space on the "
                    f"disk of {checkpoints}; the one before is kept, and the next run goes on from it"
                ) from error
    classifier.load_state_dict(best)
    classifier.eval()
    return Fit(history, best_epoch(history), stopped_early=len(history) < settings.epochs)


def _train_epoch(
    classifier: Classifier,
    net: Callable[[Tensor], Tensor],
    train: Split,
    optimizers: Sequence[Optimizer],
    average: Average[Classifier] | None,
    last_loss: Tensor,
    *,
    plans: Sequence[EpochPlan],
    epoch: int,
    params: Params,
    device: torch.device,
    precision: torch.dtype,
) -> tuple[float, float, float]:
    """Train for one epoch (from 0) by `net`, which is `classifier.net`, compiled where that is asked for.

    Updates `last_loss` (float [N], on the CPU) of the images it sees. Returns mean loss, accuracy and the
    last learning rate.
    """
    settings, plan = params.train, plans[epoch]
    batch = min(settings.batch_size, len(train))
    steps = plan.images // batch
    steps_before = sum(past.images // batch for past in plans[:epoch])
    steps_in_all = sum(each.images // batch for each in plans)
    seed = params.seed * 100_003 + epoch
    torch.manual_seed(seed)  # dropout
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(plan.images, generator=generator)
    if plan.images < len(train):
        order = last_loss.topk(plan.images).indices[order]
    rows = order.numpy()
    flipped = mirrored(len(train), epoch, seed=params.seed, flip=params.augment.flip)
    fill = (classifier.mean.flatten() * 255).round().to(torch.uint8)
    classifier.train()
    losses = torch.zeros(steps, device=device)
    seen = torch.zeros(len(train), device=device)  # the losses of the images
    right = torch.zeros((), device=device, dtype=torch.int64)
    bar = tqdm(
        range(steps),
        desc=f"epoch {epoch + 1}/{settings.epochs}",
        unit="step",
        disable=None if processes.rank() == 0 else True,
        leave=False,
    )
    for step in bar:
        done = (steps_before + step) / steps_in_all
        set_rates(optimizers, done=done, warmup=settings.warmup)
        freeze(classifier.net, optimizers, done, first_block_until=settings.first_block_until)
        chosen = rows[step * batch : (step + 1) * batch]
        labels = processes.share(torch.from_numpy(train.labels[chosen])).to(device)
        images = augment(
            to_device(train.images[chosen], device),
            flipped[chosen].to(device),
            translate=params.augment.translate,
            cutout=params.augment.cutout,
            fill=fill,
            generator=generator,
        )
        x = classifier.standardise(shrink(processes.share(images), plan.side))
        with autocast(device, precision):
            logits = net(x)
        # a sum, so that the processes' gradients add up to those of the batch's mean
        loss = F.cross_entropy(
            logits.float(), labels, label_smoothing=settings.label_smoothing, reduction="sum"
        ).div(batch)
        losses[step] = loss.detach()
        mine = processes.share(torch.from_numpy(chosen)).to(device)
        seen[mine] = F.cross_entropy(logits.detach().float(), labels, reduction="none")
        loss.backward()  # type: ignore[no-untyped-call]
        if device.type == "cpu" or step % GPU_LOSS_CHECK == 0 or step == steps - 1:
            _check_losses(losses, rows, batch, epoch, settings)
        for optimizer in optimizers:
            processes.add_up(*_gradients(optimizer))
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if average:
            average.step(steps_before + step + 1, steps_in_all)
        right += (logits.argmax(1) == labels).sum()
    processes.add_up(losses, right, seen)
    trained = order[: steps * batch]
    last_loss[trained] = seen.cpu()[trained]
    rate = optimizers[-1].param_groups[0]["lr"]
    return losses.mean().item(), right.item() / (steps * batch), rate


def _check_losses(losses: Tensor, order: NDArray[np.int64], batch: int, epoch: int, settings: Train) -> None:
    """Raise TrainingError that names the first step whose loss is not finite, and its images."""
    wrong = torch.nonzero(~losses.isfinite()).flatten()
    if not len(wrong):
        return
    step = int(wrong[0])
    images = ", ".join(str(index) for index in order[step * batch : (step + 1) * batch][:5])
    raise TrainingError(
        f"the loss is {losses[step].item()} at step {step + 1} of epoch {epoch + 1}, a batch of {batch} "
        f"(rows {images}, … of the training images): {advice(settings)}"
    )


def _gradients(optimizer: Optimizer) -> list[Tensor]:
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return [weight.grad for weight in weights if weight.grad is not None]


def _compiled(net: nn.Module, settings: Train, device: torch.device) -> Callable[[Tensor], Tensor]:
    if settings.compile == "always" or (settings.compile == "auto" and device.type == "cuda"):
        compiled: Callable[[Tensor], Tensor] = torch.compile(net)
        return compiled
    return net
