"""One epoch of training, step by step."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer
from tqdm import tqdm

from darkroom import stopping
from darkroom.config.train import Train
from darkroom.models import processes
from darkroom.training.batches import Batch, batches
from darkroom.training.freezing import freeze
from darkroom.training.history import TrainingError, advice
from darkroom.training.losses.multilabel.binary_cross_entropy import binary_cross_entropy
from darkroom.training.progress import EpochProgress, added_up, begin_epoch
from darkroom.training.schedule import set_rates
from darkroom.training.state import TrainingState
from darkroom.training.validation import autocast

# Steps after which the losses are read back from a GPU, which waits meanwhile.
GPU_LOSS_CHECK = 50


@dataclass(frozen=True)
class EpochResult:
    """What the training images came to in one epoch, augmented, as the weights changed.

    Attributes:
        loss: mean over the images of the loss that is minimised.
        accuracy: share of images whose most probable class was correct.
        learning_rate: at the last step.
    """

    loss: float
    accuracy: float
    learning_rate: float


def train_epoch(state: TrainingState) -> EpochResult:
    """Train for one epoch, and note in `state.last_loss` the losses of the images it sees.

    An epoch that was stopped, `state.progress`, goes on after its last step.

    Raises:
        TrainingError: a loss is not finite.
        Stopped: by a signal, after a step; `state.progress` says after which.
    """
    epoch, steps = len(state.history), state.plan.steps
    progress = state.progress = state.progress or begin_epoch(state)
    order = progress.order
    state.classifier.train()
    bar = tqdm(
        batches(state, progress),
        initial=progress.step,
        total=steps,
        desc=f"epoch {epoch + 1}/{state.params.train.epochs}",
        unit="step",
        disable=None if processes.rank() == 0 else True,
        leave=False,
    )
    for step, batch in enumerate(bar, start=progress.step):
        set_schedule(state, step)
        compute_gradients(state, batch, step, progress)
        checked = state.device.type == "cpu" or step % GPU_LOSS_CHECK == 0 or step == steps - 1
        if checked:
            check_losses(progress.losses, order, state.batch_size, epoch, state.params.train)
        update_weights(state, step)
        progress.step = step + 1
        # to agree on it, processes with GPUs wait for each other, as they do for the losses
        if (checked or processes.count() == 1) and processes.any_of(stopping.requested()):
            bar.close()
            stopping.stop()
    set_schedule(state, steps - 1)  # an epoch stopped after its last step has none left that would set it
    losses, image_losses, correct = added_up(progress)
    trained = order[: steps * state.batch_size]
    times = trained.bincount(minlength=len(state.train))
    state.last_loss[trained] = image_losses.cpu()[trained] / times[trained]
    return EpochResult(
        loss=losses.mean().item(),
        accuracy=correct.item() / (steps * state.batch_size),
        learning_rate=state.optimizers[-1].param_groups[0]["lr"],
    )


def set_schedule(state: TrainingState, step: int) -> None:
    """Set the learning rates for a step of the epoch, and freeze the layers that stop learning at it."""
    settings = state.params.train
    done = (state.steps_before + step) / state.steps_in_all
    set_rates(state.optimizers, done=done, warmup=settings.warmup)
    freeze(state.classifier.net, state.optimizers, done, first_block_until=settings.first_block_until)


def compute_gradients(state: TrainingState, batch: Batch, step: int, progress: EpochProgress) -> None:
    """Run the net forward and backward, and add the step's figures to `progress`."""
    with autocast(state.device, state.precision):
        logits = state.net(batch.images)
    logits = logits.float()
    loss = state.loss(logits, batch.labels).div(state.batch_size)
    progress.losses[step] = loss.detach()
    # which images are hard is decided by the cross-entropy, whatever the loss
    # (added: balanced sampling shows an image several times, maybe in one batch or to several processes)
    image_losses, correct = judged(logits.detach(), batch.labels)
    progress.image_losses.index_add_(0, batch.rows, image_losses)
    progress.correct += correct.sum()
    loss.backward()  # type: ignore[no-untyped-call]


def judged(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy of each image, float [B], and whether it is predicted correctly, bool [B].

    Of several labels, [B,L]: the sum over the known ones, and whether all of them are on their side of 0.5.
    """
    if labels.ndim == 1:
        return F.cross_entropy(logits, labels, reduction="none"), logits.argmax(1) == labels
    losses = binary_cross_entropy(logits, labels, weights=torch.ones_like(logits[0]))
    return losses, (((logits > 0) == (labels == 1)) | (labels < 0)).all(1)


def update_weights(state: TrainingState, step: int) -> None:
    """Take the optimizers' step, and let the average of the weights follow."""
    for optimizer in state.optimizers:
        processes.add_up(*_gradients(optimizer))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    if state.average:
        state.average.step(state.steps_before + step + 1, state.steps_in_all)


def check_losses(losses: Tensor, order: Tensor, batch: int, epoch: int, settings: Train) -> None:
    """Raise TrainingError that names the first step whose loss is not finite, and its images."""
    wrong = torch.nonzero(~losses.isfinite()).flatten()
    if not len(wrong):
        return
    step = int(wrong[0])
    images = ", ".join(str(row) for row in order[step * batch : (step + 1) * batch][:5].tolist())
    raise TrainingError(
        f"the loss is {losses[step].item()} at step {step + 1} of epoch {epoch + 1}, a batch of {batch} "
        f"(rows {images}, … of the training images): {advice(settings)}"
    )


def _gradients(optimizer: Optimizer) -> list[Tensor]:
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return [weight.grad for weight in weights if weight.grad is not None]
