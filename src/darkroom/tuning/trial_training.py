"""The training of one trial: a whole training, on few and small images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from darkroom.config import Params, override
from darkroom.config.tune import Tune
from darkroom.data.splits import Meta, Split, open_split, read_meta
from darkroom.training.completion import with_known_labels
from darkroom.training.history import Epoch, Fit
from darkroom.training.loop import fit
from darkroom.training.resolution import shrink_split
from darkroom.training.start import model_config, new_classifier

# train.* in every trial: what a trial does without, or what `tune` decides for it
FIXED = {
    "patience": 1_000_000,
    "low_resolutions": (),
    "hardest_share": 1.0,
    "use_validation": False,
    "processes": 1,
    "images": 0,
}


@dataclass(frozen=True)
class TrialData:
    """The images of all trials of a study."""

    train: Split
    validation: Split
    meta: Meta


@dataclass(frozen=True)
class Compute:
    """Where a trial trains, and in which precision its matrix products are."""

    device: torch.device
    precision: torch.dtype


def open_trial_data(folder: Path, tune: Tune) -> TrialData:
    """Open the splits `train` and `validation` in `folder` for trials.

    Trials train on the first `tune.images` images (0: all), and see all images at `tune.resolution` pixels
    (0: their own).
    """
    train, validation = open_split(folder / "train").first(tune.images), open_split(folder / "validation")
    if tune.resolution:
        train, validation = (shrink_split(split, tune.resolution) for split in (train, validation))
    return TrialData(train, validation, read_meta(folder / "meta.json"))


def train_trial(
    params: Params,
    data: TrialData,
    compute: Compute,
    *,
    checkpoints: Path | None = None,
    on_epoch: Callable[[Epoch], None],
) -> Fit:
    """Train a new network for `params.tune.epochs` epochs and return its history.

    With a folder for `checkpoints`, a trial whose worker died continues after the last epoch found there.
    `on_epoch` is called after each epoch; what it raises ends the trial.
    """
    params = override(params, {"train": {**FIXED, "epochs": params.tune.epochs}})
    size = {"height": data.train.images.shape[1], "width": data.train.images.shape[2]}
    train = with_known_labels(data.train, params.train, seed=params.seed)
    return fit(
        new_classifier(model_config(params, data.meta) | size, train, seed=params.seed),
        train,
        data.validation,
        params=params,
        device=compute.device,
        precision=compute.precision,
        checkpoints=checkpoints,
        on_epoch=on_epoch,
    )
