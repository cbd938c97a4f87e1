"""Cross-validation: a net for each fold, trained on the others, predicts the images of its fold."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom import stopping
from darkroom.config import Params
from darkroom.data.folds import Divided
from darkroom.data.report import channel_statistics
from darkroom.data.splits import Split
from darkroom.files import write_array
from darkroom.models.hardware import choose_hardware
from darkroom.models.inference import predict
from darkroom.training.history import Epoch
from darkroom.training.loop import fit
from darkroom.training.outputs import progress_line
from darkroom.training.start import join_for_final_fit, new_classifier


@dataclass(frozen=True)
class Fold:
    """One fold: what a net is trained on, and what it then predicts.

    Attributes:
        number: from 1.
        count: of the folds.
        train: the images of the other folds.
        held_out: its own images.
    """

    number: int
    count: int
    train: Split
    held_out: Split


def out_of_fold(
    divided: Divided, params: Params, config: Mapping[str, Any], *, folder: Path
) -> NDArray[np.float32]:
    """Return the probabilities of each image, float32 [N,classes], by the net of its fold.

    They are averaged over the views and not calibrated. A fold that is finished is kept in `folder` and not
    repeated; a training that was stopped goes on from its checkpoint. The net of a fold is trained in one
    process, whatever `train.processes` is, and its images are copied to memory.

    Args:
        divided: the images and their folds.
        params: params.yaml, tuned values included.
        config: as `model_config` returns; mean and standard deviation are those of each fold's training
            images instead.
        folder: for these images, folds and parameters alone.

    Raises TrainingError as `fit`, and Stopped on a signal.
    """
    hardware = choose_hardware(params.train.device, params.train.precision, params.train.threads)
    print("device {device}; precision {precision}; {threads}".format(**hardware.reasons), flush=True)
    images = join_for_final_fit(divided.train, divided.validation, folder / "joined")
    count = int(divided.folds.max()) + 1
    probabilities = np.empty((len(images), len(config["classes"])), dtype=np.float32)
    for number in range(1, count + 1):
        held_out = divided.folds == number - 1
        kept, checkpoints = folder / f"fold-{number}.npy", folder / f"fold-{number}"
        again = kept.is_file()
        if not again:
            fold = Fold(number, count, _part(images, ~held_out), _part(images, held_out))
            with fold_named(fold):
                trained = train_and_predict(
                    fold,
                    params,
                    config,
                    device=hardware.device,
                    precision=hardware.precision,
                    checkpoints=checkpoints,
                )
                write_array(kept, trained)
                shutil.rmtree(checkpoints)
        probabilities[held_out] = np.load(kept, allow_pickle=False)
        right = np.mean(probabilities[held_out].argmax(axis=1) == images.labels[held_out])
        how = "kept from the run before: " if again else ""
        print(f"fold {number}/{count}  {how}{right:.2%} of {held_out.sum():,} images correct", flush=True)
    return probabilities


def train_and_predict(
    fold: Fold,
    params: Params,
    config: Mapping[str, Any],
    *,
    device: torch.device,
    precision: torch.dtype,
    checkpoints: Path,
) -> NDArray[np.float32]:
    """Train the net of a fold; return the probabilities of the images it was not trained on.

    All epochs run and the last one is kept: one chosen by the held-out images would be too good for them.
    """
    epochs = params.train.epochs

    def show(epoch: Epoch) -> None:
        line = progress_line(epoch, epochs, more=(fold.count - fold.number) * epochs)
        print(f"fold {fold.number}/{fold.count}  {line}", flush=True)

    mean, std = channel_statistics(fold.train.images)
    classifier = new_classifier({**config, "mean": mean, "std": std}, fold.train, seed=params.seed)
    fit(
        classifier,
        fold.train,
        None,
        params=params,
        device=device,
        precision=precision,
        checkpoints=checkpoints,
        on_epoch=show,
    )
    return predict(classifier, fold.held_out, device=device, progress=False)


@contextmanager
def fold_named(fold: Fold) -> Iterator[None]:
    """Name the fold in `Stopped` where a signal stops the block: the folds before it are kept."""
    try:
        yield
    except stopping.Stopped as stopped:
        where = f"{stopped.done} of fold" if stopped.done else "within fold"
        done = f"{where} {fold.number} of {fold.count}"
        raise stopping.Stopped(stopped.signal, done) from None


def _part(images: Split, rows: NDArray[np.bool_]) -> Split:
    return Split(np.asarray(images.images[rows]), images.labels[rows])
