"""An epoch in progress: how far it is and what it adds up, so that it can stop after any step and go on."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from darkroom.models import processes
from darkroom.training.sampling import balanced_order

if TYPE_CHECKING:
    from darkroom.training.state import TrainingState


@dataclass(kw_only=True)
class EpochProgress:
    """How far an epoch is. What is added up lies on the training device, so that no step waits for a figure.

    Attributes:
        order: the places of the epoch's training images in the order in which they are shown, int64 [images].
        generator: on the CPU; draws the augmentation of each batch.
        step: how many steps are done.
        losses: the mean loss of each step's batch, float32 [steps]; of this process's share of it.
        image_losses: the cross-entropy of each training image, added up where it is shown several times,
            float32 [N]; 0 where it was not seen.
        correct: how many images were predicted correctly.
        earlier: seconds that the epoch took before it was stopped.
        started: when it began or went on, by the performance counter.
    """

    order: Tensor
    generator: torch.Generator
    losses: Tensor
    image_losses: Tensor
    correct: Tensor
    step: int = 0
    earlier: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long the epoch has taken so far."""
        return self.earlier + time.perf_counter() - self.started


def begin_epoch(state: "TrainingState") -> EpochProgress:
    """Draw the order of the epoch that comes next, from the seed and its number, and seed dropout."""
    seed = state.params.seed * 100_003 + len(state.history)
    torch.manual_seed(seed)  # dropout
    generator = torch.Generator().manual_seed(seed)
    return EpochProgress(
        order=epoch_order(state, generator),
        generator=generator,
        losses=torch.zeros(state.plan.steps, device=state.device),
        image_losses=torch.zeros(len(state.train), device=state.device),
        correct=torch.zeros((), device=state.device, dtype=torch.int64),
    )


def epoch_order(state: "TrainingState", generator: torch.Generator) -> Tensor:
    """Return the places of the epoch's training images in the order in which they are shown, int64 [images].

    Where the epoch sees a part of the images, these are the ones with the largest last loss; with balanced
    sampling, those of each class.
    """
    images = state.plan.images
    if state.params.train.sampling == "balanced":
        hardest = state.last_loss if images < len(state.train) else None
        return balanced_order(torch.from_numpy(state.train.labels), images, generator, hardest=hardest)
    order = torch.randperm(images, generator=generator)
    if images < len(state.train):
        order = state.last_loss.topk(images).indices[order]
    return order


def progress_tensors(progress: EpochProgress, device: torch.device) -> dict[str, Tensor]:
    """Return what a checkpoint keeps of an epoch that was stopped; every process must call it."""
    losses, image_losses, correct = added_up(progress)
    return {
        "order": progress.order,
        "generator": progress.generator.get_state(),
        # processes draw differently many numbers where their shares of a batch differ in size
        "random": torch.stack(processes.gathered(torch.get_rng_state())),
        **({"random_gpu": torch.stack(processes.gathered(_gpu_state(device)))} if _has_state(device) else {}),
        "losses": losses,
        "image_losses": image_losses,
        "correct": correct,
    }


def restored_progress(
    tensors: Mapping[str, Tensor], *, step: int, seconds: float, device: torch.device
) -> EpochProgress:
    """Return an epoch as it was after `step` steps, and let the random numbers go on from there."""
    generator = torch.Generator()
    generator.set_state(tensors["generator"])
    torch.set_rng_state(_of_this_process(tensors["random"]))
    if "random_gpu" in tensors and _has_state(device):
        _set_gpu_state(_of_this_process(tensors["random_gpu"]), device)
    share = (
        1 if processes.rank() == 0 else 0
    )  # the sums are of all processes: one of them has them from here on
    return EpochProgress(
        order=tensors["order"],
        generator=generator,
        step=step,
        losses=tensors["losses"].to(device) * share,
        image_losses=tensors["image_losses"].to(device) * share,
        correct=tensors["correct"].to(device) * share,
        earlier=seconds,
    )


def added_up(progress: EpochProgress) -> tuple[Tensor, Tensor, Tensor]:
    """Return losses, image losses and the number of correct predictions, over all processes."""
    sums = progress.losses.clone(), progress.image_losses.clone(), progress.correct.clone()
    processes.add_up(*sums)
    return sums


def _of_this_process(states: Tensor) -> Tensor:
    # a copy: torch reads a state from the start of its storage, so that a row of a tensor is another row's
    return states[processes.rank() % len(states)].clone()


def _has_state(device: torch.device) -> bool:
    return device.type in ("cuda", "mps")


def _gpu_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.mps.get_rng_state()


def _set_gpu_state(value: Tensor, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(value, device)
    else:
        torch.mps.set_rng_state(value)
