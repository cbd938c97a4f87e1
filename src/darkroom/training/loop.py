"""Training: one loop for every architecture, resumed where it was interrupted; the best epoch is kept."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from darkroom import stopping
from darkroom.config import Params
from darkroom.data.splits import Split
from darkroom.models import processes
from darkroom.models.classifier import Classifier
from darkroom.models.memory import keep_freed_memory
from darkroom.training.epoch import train_epoch
from darkroom.training.history import (
    BestByPrecision,
    Epoch,
    Fit,
    TrainingError,
    advice,
    best_epoch,
    out_of_patience,
)
from darkroom.training.state import TrainingState, restore_state, save_state, start_training
from darkroom.training.validation import Validated, evaluate


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
    enough: Callable[[Sequence[Epoch]], bool] = lambda history: False,
) -> Fit:
    """Train `classifier` in place by `params.train` and `params.augment`.

    The classifier gets the weights of the epoch with the best validation figure (`train.best_by`); training
    stops when that no longer improves. Without validation images it gets those of the last epoch.

    A training that was killed resumes from its last checkpoint. On a signal (`darkroom.stopping`) one is
    written after the step that is running, and Stopped is raised. The order of the images, their augmentation
    and dropout depend only on the seed and the epoch, so a resumed training ends bit for bit like one that
    was not interrupted. Where processes train together, each calls this with the same arguments.

    Args:
        classifier: is trained in place, and left in evaluation mode.
        train: the training images.
        validation: the validation images, if any.
        params: params.yaml.
        device: to train on.
        precision: the dtype of convolutions and matrix products.
        checkpoints: a folder in which each epoch leaves a checkpoint; the first process writes it.
        enough: is asked with the epochs that are done, before the next; yes ends the training there.
        on_epoch: is called before the checkpoint of an epoch is written; what it raises ends the training.

    Raises TrainingError when the loss is not finite or a checkpoint cannot be written.
    """
    settings = params.train
    if device.type == "cpu":
        keep_freed_memory()
    state = start_training(classifier, train, params=params, device=device, precision=precision)
    if checkpoints and restore_state(state, checkpoints) and processes.rank() == 0:
        print(f"resuming {place(state)}")
    with stopping.deferred():
        while (
            len(state.history) < settings.epochs
            and not out_of_patience(state.history, settings.patience, settings.best_by)
            and not enough(state.history)
        ):
            try:
                if processes.any_of(stopping.requested()):
                    stopping.stop()
                epoch = train_and_validate(state, validation)
            except stopping.Stopped as stopped:
                if checkpoints and state.progress:
                    write_checkpoint(state, checkpoints)
                raise stopping.Stopped(stopped.signal, place(state) if checkpoints else "") from None
            state.history.append(epoch)
            state.progress = None
            on_epoch(epoch)
            if best_epoch(state.history, settings.best_by) is epoch:
                weights = state.validated.state_dict()
                state.best = {key: value.detach().clone() for key, value in weights.items()}
            if checkpoints:
                write_checkpoint(state, checkpoints)
        stopping.stop_if_requested(place(state) if checkpoints else "")
    classifier.load_state_dict(state.best)
    classifier.eval()
    best = best_epoch(state.history, settings.best_by)
    return Fit(state.history, best, stopped_early=len(state.history) < settings.epochs)


def train_and_validate(state: TrainingState, validation: Split | None) -> Epoch:
    """Train for the next epoch and validate it; raises TrainingError for a loss that is not finite."""
    number, plan = len(state.history) + 1, state.plan
    result = train_epoch(state)
    progress = state.progress
    assert progress
    trained = progress.seconds
    validated = validate(state, validation) if validation is not None else None
    figures: dict[str, Any] = dict(  # noqa: C408  as the arguments of an Epoch
        epoch=number,
        train_loss=result.loss,
        train_accuracy=result.accuracy,
        validation_loss=validated.loss if validated else None,
        validation_accuracy=validated.accuracy if validated else None,
        learning_rate=result.learning_rate,
        seconds=progress.seconds,
        images_per_second=plan.images / trained,
    )
    if state.train.several:
        precision = validated.average_precision if validated else None
        return BestByPrecision(**figures, validation_average_precision=precision)
    balanced = validated.balanced_accuracy if validated else None
    return Epoch(**figures, validation_balanced_accuracy=balanced)


def validate(state: TrainingState, validation: Split) -> Validated:
    """Return loss and accuracies of the validation images; raises TrainingError for a loss not finite."""
    found = evaluate(state.validated, validation, device=state.device, precision=state.precision)
    if not math.isfinite(found.loss):
        raise TrainingError(
            f"the validation loss is {found.loss} after epoch {len(state.history) + 1}: "
            f"{advice(state.params.train)}"
        )
    return found


def place(state: TrainingState) -> str:
    """Return how far a training is, as `after epoch 7 of 20`, or the step of an epoch that has begun."""
    done, epochs = len(state.history), state.params.train.epochs
    if state.progress:
        return f"after step {state.progress.step} of {state.plan.steps} of epoch {done + 1} of {epochs}"
    return f"after epoch {done} of {epochs}" if done else "before the first epoch"


def write_checkpoint(state: TrainingState, folder: Path) -> None:
    """Write a checkpoint, as `save_state` does; raises TrainingError with what to do where it fails."""
    try:
        save_state(state, folder)
    except OSError as error:
        epoch = len(state.history) + bool(state.progress)
        raise TrainingError(
            f"the checkpoint of epoch {epoch} cannot be written ({error}): free space on the "
            f"disk of {folder}; the one before is kept, and the next run goes on from it"
        ) from error
