"""One epoch of training, step by step."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer
from tqdm import tqdm

from darkroom.config.train import Train
from darkroom.models import processes
from darkroom.training.batches import Batch, batches, epoch_order
from darkroom.training.freezing import freeze
from darkroom.training.history import TrainingError, advice
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


class Totals:
    """What an epoch adds up on the training device, so that no step waits for a figure.

    Attributes:
        losses: the mean loss of each step's batch, float32 [steps].
        image_losses: the cross-entropy of each training image, float32 [N]; 0 where it was not seen.
        correct: how many images were predicted correctly.
    """

    def __init__(self, state: TrainingState) -> None:
        self.losses = torch.zeros(state.plan.steps, device=state.device)
        self.image_losses = torch.zeros(len(state.train), device=state.device)
        self.correct = torch.zeros((), device=state.device, dtype=torch.int64)


def train_epoch(state: TrainingState) -> EpochResult:
    """Train for one epoch, and note in `state.last_loss` the losses of the images it sees.

    Raises TrainingError when a loss is not finite.
    """
    epoch, steps = len(state.history), state.plan.steps
    seed = state.params.seed * 100_003 + epoch
    torch.manual_seed(seed)  # dropout
    generator = torch.Generator().manual_seed(seed)
    order = epoch_order(state, generator)
    state.classifier.train()
    totals = Totals(state)
    progress = tqdm(
        batches(state, order, generator),
        total=steps,
        desc=f"epoch {epoch + 1}/{state.params.train.epochs}",
        unit="step",
        disable=None if processes.rank() == 0 else True,
        leave=False,
    )
    for step, batch in enumerate(progress):
        set_schedule(state, step)
        compute_gradients(state, batch, step, totals)
        if state.device.type == "cpu" or step % GPU_LOSS_CHECK == 0 or step == steps - 1:
            check_losses(totals.losses, order, state.batch_size, epoch, state.params.train)
        update_weights(state, step)
    processes.add_up(totals.losses, totals.correct, totals.image_losses)
    trained = order[: steps * state.batch_size]
    state.last_loss[trained] = totals.image_losses.cpu()[trained]
    return EpochResult(
        loss=totals.losses.mean().item(),
        accuracy=totals.correct.item() / (steps * state.batch_size),
        learning_rate=state.optimizers[-1].param_groups[0]["lr"],
    )


def set_schedule(state: TrainingState, step: int) -> None:
    """Set the learning rates for a step of the epoch, and freeze the layers that stop learning at it."""
    settings = state.params.train
    done = (state.steps_before + step) / state.steps_in_all
    set_rates(state.optimizers, done=done, warmup=settings.warmup)
    freeze(state.classifier.net, state.optimizers, done, first_block_until=settings.first_block_until)


def compute_gradients(state: TrainingState, batch: Batch, step: int, totals: Totals) -> None:
    """Run the net forward and backward, and add the step's figures to `totals`."""
    with autocast(state.device, state.precision):
        logits = state.net(batch.images)
    logits = logits.float()
    loss = state.loss(logits, batch.labels).div(state.batch_size)
    totals.losses[step] = loss.detach()
    # which images are hard is decided by the cross-entropy, whatever the loss
    totals.image_losses[batch.rows] = F.cross_entropy(logits.detach(), batch.labels, reduction="none")
    totals.correct += (logits.argmax(1) == batch.labels).sum()
    loss.backward()  # type: ignore[no-untyped-call]


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
