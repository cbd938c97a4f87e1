"""Validation: the loss and accuracy of a split, during training."""

import torch
import torch.nn.functional as F

from darkroom import stopping
from darkroom.data.splits import Split
from darkroom.models import processes
from darkroom.models.classifier import Classifier
from darkroom.models.inference import prediction_batch, to_device


@torch.inference_mode()
def evaluate(
    classifier: Classifier, split: Split, *, device: torch.device, precision: torch.dtype
) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy of a split, each image as it is (one view).

    The cross-entropy is without label smoothing, whatever `train.loss` is. Processes that train together
    compute a share each and return the same figures. A single one raises Stopped on a signal.
    """
    classifier.eval()
    sums = torch.zeros(2, dtype=torch.float64)  # cross-entropy, correct predictions
    batch = prediction_batch(device)
    for start in range(batch * processes.rank(), len(split), batch * processes.count()):
        labels = torch.from_numpy(split.labels[start : start + batch]).to(device)
        images = to_device(split.images[start : start + batch], device)
        with autocast(device, precision):
            logits = classifier.net(classifier.standardise(images))
        sums[0] += F.cross_entropy(logits.float(), labels, reduction="sum").cpu()
        sums[1] += (logits.argmax(1) == labels).sum().cpu()
        if processes.count() == 1:  # several would have to agree, and have different numbers of batches
            stopping.stop_if_requested()
    processes.add_up(sums)
    loss, accuracy = (sums / len(split)).tolist()
    return loss, accuracy


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Return the context in which operations run in bf16 where `precision` is bf16."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision is torch.bfloat16)
