"""Validation: the loss and accuracy of a split, during training."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from darkroom import stopping
from darkroom.data.splits import Split
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.evaluation.multilabel.per_image import exact
from darkroom.models import processes
from darkroom.models.classifier import Classifier
from darkroom.models.inference import pixels_of, prediction_batch, to_device
from darkroom.training.losses.multilabel.binary_cross_entropy import binary_cross_entropy


@dataclass(frozen=True)
class Validated:
    """What the images of a split came to.

    Attributes:
        loss: mean cross-entropy, whatever `train.loss` is.
        accuracy: share of images that were predicted correctly.
        balanced_accuracy: the mean of that share over the classes that have images; None of several labels.
        average_precision: of several labels, the mean of their average precisions; None of one label.
    """

    loss: float
    accuracy: float
    balanced_accuracy: float | None
    average_precision: float | None = None


@torch.inference_mode()
def evaluate(
    classifier: Classifier, split: Split, *, device: torch.device, precision: torch.dtype
) -> Validated:
    """Return the mean cross-entropy and the accuracies of a split, each image as it is (one view).

    The cross-entropy is without label smoothing, whatever `train.loss` is. Processes that train together
    compute a share each and return the same figures. A single one raises Stopped on a signal.
    """
    classifier.eval()
    if split.several:
        return _evaluate_sets(classifier, split, device=device, precision=precision)
    loss = torch.zeros((), dtype=torch.float64)
    counts = torch.from_numpy(split.labels).bincount()  # images of each class
    correct = torch.zeros(len(counts), dtype=torch.int64)
    batch = prediction_batch(device, pixels=pixels_of(split))
    for start in range(batch * processes.rank(), len(split), batch * processes.count()):
        labels = torch.from_numpy(split.labels[start : start + batch]).to(device)
        images = to_device(split.images[start : start + batch], device)
        with autocast(device, precision):
            logits = classifier.net(classifier.standardise(images))
        loss += F.cross_entropy(logits.float(), labels, reduction="sum").cpu()
        correct += labels[logits.argmax(1) == labels].bincount(minlength=len(counts)).cpu()
        if processes.count() == 1:  # several would have to agree, and have different numbers of batches
            stopping.stop_if_requested()
    processes.add_up(loss, correct)
    recalls = correct[counts > 0].double() / counts[counts > 0]
    return Validated(
        loss=loss.item() / len(split),
        accuracy=correct.sum().item() / len(split),
        balanced_accuracy=recalls.mean().item(),
    )


def _evaluate_sets(
    classifier: Classifier, split: Split, *, device: torch.device, precision: torch.dtype
) -> Validated:
    """Return the mean cross-entropy of an image's labels, the share of exact matches, and mAP."""
    batch = prediction_batch(device, pixels=pixels_of(split))
    parts = []
    for start in range(0, len(split), batch):
        images = to_device(split.images[start : start + batch], device)
        with autocast(device, precision):
            parts.append(classifier.net(classifier.standardise(images)).float().cpu())
        stopping.stop_if_requested()
    logits, labels = torch.cat(parts), torch.from_numpy(split.labels)
    losses = binary_cross_entropy(logits, labels, weights=torch.ones(labels.shape[1]))
    return Validated(
        loss=losses.mean().item(),
        accuracy=float(exact((logits > 0).numpy(), split.labels).mean()),
        balanced_accuracy=None,
        average_precision=mean_average_precision(logits.numpy(), split.labels),
    )


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Return the context in which operations run in bf16 where `precision` is bf16."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision is torch.bfloat16)
