"""What a training came to, epoch by epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.config.train import Train


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step and what to try."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. The training figures are of the augmented images, as it went."""

    epoch: int  # from 1
    train_loss: float
    train_accuracy: float
    validation_loss: float | None  # None without validation images
    validation_accuracy: float | None  # of one view at full resolution
    learning_rate: float  # at the epoch's last step
    seconds: float  # training and validation
    images_per_second: float  # training alone


@dataclass(frozen=True)
class Fit:
    """A finished training: all epochs, and the one whose weights the classifier now has.

    That is the epoch of the best validation accuracy; without validation images the last.
    """

    history: list[Epoch]
    best: Epoch
    stopped_early: bool


def advice(settings: Train) -> str:
    """Say what to try when a loss is not finite."""
    return f"try a smaller train.learning_rate (now {settings.learning_rate:g}) or train.precision=fp32"


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """Return the epoch of the best validation accuracy, the first of equals; without one the last."""
    if history[-1].validation_accuracy is None:
        return history[-1]
    return max(history, key=lambda epoch: epoch.validation_accuracy or 0.0)  # the first of equals


def out_of_patience(history: Sequence[Epoch], patience: int) -> bool:
    """Say whether the validation accuracy has not gained for `patience` epochs."""
    return bool(history) and history[-1].epoch - best_epoch(history).epoch >= patience
