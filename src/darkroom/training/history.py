"""The history of a training: the figures of each epoch, the best one, and when to stop early."""

from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.config.train import BestBy, Train


class TrainingError(RuntimeError):
    """Training cannot continue; the message names the step and what to try."""


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch.

    Attributes:
        epoch: from 1.
        train_loss: mean loss of the augmented training images, while the weights changed.
        train_accuracy: share of these that were predicted correctly.
        validation_loss: mean cross-entropy of the validation images; None without any.
        validation_accuracy: of one view at full resolution; None without validation images.
        learning_rate: at the last step.
        seconds: of training and validation.
        images_per_second: of training alone.
        validation_balanced_accuracy: the mean of the classes' recalls, of those that have validation images;
            None without any.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float
    images_per_second: float
    validation_balanced_accuracy: float | None = None

    def score(self, best_by: BestBy) -> float | None:
        """Return the figure of the validation images by which epochs are compared; None without any."""
        balanced = best_by == "balanced_accuracy"
        return self.validation_balanced_accuracy if balanced else self.validation_accuracy


@dataclass(frozen=True)
class BestByPrecision(Epoch):
    """The figures of one epoch with several labels, where accuracy is the share of sets that are all right.

    Attributes:
        validation_average_precision: the mean of the labels' average precisions (mAP) on the validation
            images; None without any.
    """

    validation_average_precision: float | None = None

    def score(self, best_by: BestBy) -> float | None:
        """Return the mAP, by which epochs are compared; None without validation images."""
        return self.validation_average_precision


@dataclass(frozen=True)
class Fit:
    """A finished training.

    Attributes:
        history: all epochs.
        best: the epoch whose weights the classifier has now: the best by `train.best_by` of the validation
            images (accuracy, balanced accuracy or mAP); without validation images the last.
        stopped_early: whether that no longer improved.
    """

    history: list[Epoch]
    best: Epoch
    stopped_early: bool


def advice(settings: Train) -> str:
    """Return what to try when a loss is not finite."""
    return f"try a smaller train.learning_rate (now {settings.learning_rate:g}) or train.precision=fp32"


def best_epoch(history: Sequence[Epoch], best_by: BestBy = "accuracy") -> Epoch:
    """Return the epoch of the best validation figure, the first of equals; without one the last."""
    if history[-1].score(best_by) is None:
        return history[-1]
    return max(history, key=lambda epoch: epoch.score(best_by) or 0.0)


def out_of_patience(history: Sequence[Epoch], patience: int, best_by: BestBy = "accuracy") -> bool:
    """Return whether the validation figure has not improved for `patience` epochs."""
    return bool(history) and history[-1].epoch - best_epoch(history, best_by).epoch >= patience
