"""The state of a training: everything that changes from step to step, and what it is trained with."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from darkroom.config import Params
from darkroom.config.train import Train
from darkroom.data.splits import Split
from darkroom.models import processes
from darkroom.models.classifier import Classifier
from darkroom.training.averaging import Average
from darkroom.training.checkpoints import (
    load_checkpoint,
    load_optimizer_state,
    optimizer_state,
    save_checkpoint,
)
from darkroom.training.history import BestByPrecision, Epoch
from darkroom.training.losses import Loss, build_loss
from darkroom.training.losses.multilabel import build_label_loss, summed
from darkroom.training.optimizers import OptimizerSettings, build_optimizers
from darkroom.training.plan import EpochPlan, plan_epochs
from darkroom.training.progress import EpochProgress, progress_tensors, restored_progress


@dataclass(kw_only=True)
class TrainingState:
    """Everything that a training works with, handed from function to function as one value.

    Attributes:
        params: the whole of params.yaml; training reads `seed`, `augment` and `train`.
        train: the training images.
        device: where training runs.
        precision: the dtype of convolutions and matrix products.
        classifier: the classifier that is trained, in place.
        net: `classifier.net`, compiled where `train.compile` requires it.
        loss: the loss that is minimised.
        optimizers: the optimizers that together train the net.
        average: an average of the weights over the steps, where `train.average` names one.
        plans: what each epoch sees.
        last_loss: the cross-entropy (of several labels the sum over these) of each training image when it was
            last seen, float32 [N] on the CPU; infinite for an image that was not seen yet.
        history: the epochs that are done.
        best: the weights of the best epoch so far.
        progress: the epoch that has begun; None between two epochs.
    """

    params: Params
    train: Split
    device: torch.device
    precision: torch.dtype
    classifier: Classifier
    net: Callable[[Tensor], Tensor]
    loss: Loss
    optimizers: list[Optimizer]
    average: Average[Classifier] | None
    plans: list[EpochPlan]
    last_loss: Tensor
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    progress: EpochProgress | None = None

    @property
    def batch_size(self) -> int:
        """Images a step, over all processes."""
        return batch_size(self.params.train, len(self.train))

    @property
    def plan(self) -> EpochPlan:
        """What the epoch that comes next sees."""
        return self.plans[len(self.history)]

    @property
    def steps_before(self) -> int:
        """Steps of the epochs that are done."""
        return sum(plan.steps for plan in self.plans[: len(self.history)])

    @property
    def steps_in_all(self) -> int:
        """Steps of the whole training."""
        return sum(plan.steps for plan in self.plans)

    @property
    def validated(self) -> Classifier:
        """The classifier that is validated and kept: the exponential moving average, where there is one."""
        return self.average.module if self.average and self.average.kind == "ema" else self.classifier


def start_training(
    classifier: Classifier, train: Split, *, params: Params, device: torch.device, precision: torch.dtype
) -> TrainingState:
    """Move `classifier` to `device` and return the state before the first epoch."""
    settings = params.train
    classifier.to(device)
    classifier.net.to(memory_format=torch.channels_last)
    batch = batch_size(settings, len(train))
    optimizers = build_optimizers(
        classifier.net,
        settings.optimizer,
        OptimizerSettings(
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            batch_size=batch,
            stem_until=settings.stem_until,
            precision=precision,
        ),
    )
    average: Average[Classifier] | None = None
    if settings.average != "none":
        memory = settings.average_memory * (len(train) // batch)
        average = Average(classifier, kind=settings.average, memory=memory)
    return TrainingState(
        params=params,
        train=train,
        device=device,
        precision=precision,
        classifier=classifier,
        net=compiled(classifier.net, settings, device),
        loss=loss_for(train, settings, classes=classifier.net.last_layer().out_features, device=device),
        optimizers=optimizers,
        average=average,
        plans=plan_epochs(settings, len(train)),
        last_loss=torch.full((len(train),), torch.inf),
    )


def loss_for(train: Split, settings: Train, *, classes: int, device: torch.device) -> Loss:
    """Return the loss that `train.loss` names, for one label or several, with weights of these images."""
    if train.several:
        return summed(build_label_loss(settings, torch.from_numpy(train.labels).to(device)))
    return build_loss(settings, class_counts(train, classes).to(device))


def class_counts(split: Split, classes: int) -> Tensor:
    """Return how many images of each class there are, int64 [classes]."""
    return torch.from_numpy(split.labels).bincount(minlength=classes)


def batch_size(settings: Train, images: int) -> int:
    """Return the images of a step: `train.batch_size`, or all where there are fewer."""
    return min(settings.batch_size, images)


def compiled(net: nn.Module, settings: Train, device: torch.device) -> Callable[[Tensor], Tensor]:
    """Return `net`, compiled by torch where `train.compile` requires it."""
    if settings.compile == "always" or (settings.compile == "auto" and device.type == "cuda"):
        result: Callable[[Tensor], Tensor] = torch.compile(net)
        return result
    return net


def save_state(state: TrainingState, folder: Path) -> None:
    """Write the checkpoint of the last epoch, or of the steps of one that was stopped; raises OSError.

    Of several processes the first writes, but all must call this.
    """
    progress, epoch = state.progress, len(state.history)
    stopped = progress_tensors(progress, state.device) if progress else {}
    if processes.rank() != 0:
        return
    states = {
        "classifier": state.classifier.state_dict(),
        "optimizers": optimizer_state(state.optimizers),
        "average": state.average.module.state_dict() if state.average else {},
        "best": state.best,
        "images": {"last_loss": state.last_loss},
        "progress": stopped,
    }
    meta: dict[str, Any] = {"history": [asdict(epoch) for epoch in state.history]}
    if progress:
        meta |= {"step": progress.step, "seconds": progress.seconds}
        save_checkpoint(folder, epoch + 1, states, meta, step=progress.step)
    else:
        save_checkpoint(folder, epoch, states, meta)


def restore_state(state: TrainingState, folder: Path) -> bool:
    """Put the newest sound checkpoint of `folder` into `state`; return whether there was one."""
    saved = load_checkpoint(folder)
    if saved is None:
        return False
    states, meta = saved
    state.classifier.load_state_dict(states["classifier"])
    load_optimizer_state(state.optimizers, states.get("optimizers", {}))
    if state.average:
        state.average.module.load_state_dict(states["average"])
    state.best = states.get("best", {})  # none before the end of the first epoch
    state.last_loss = states["images"]["last_loss"]
    kind = BestByPrecision if state.train.several else Epoch
    state.history = [kind(**epoch) for epoch in meta["history"]]
    if "step" in meta:
        state.progress = restored_progress(
            states["progress"], step=meta["step"], seconds=meta["seconds"], device=state.device
        )
    return True
