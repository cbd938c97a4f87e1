"""Cross-validation with a backbone: a linear layer for each fold, on features that are computed once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.config import Params
from darkroom.data.folds import Divided
from darkroom.models.backbones.weights import Weights
from darkroom.models.hardware import choose_hardware
from darkroom.training.features import OnBackbone, Part
from darkroom.training.head import Head, Labelled, fit_head, fit_once, in_fp32, joined, labelled_views
from darkroom.training.start import new_classifier


def head_out_of_fold(
    divided: Divided, params: Params, config: Mapping[str, Any], weights: Weights, *, folder: Path
) -> NDArray[np.float32]:
    """Return the probabilities of each image, float32 [N,classes], by the linear layer of its fold.

    They are averaged over the views and not calibrated. The strength of a fold's layer is chosen as in the
    training, of the training images outside the fold by the validation images outside it; then the layer is
    fitted to both. So no image of a fold has a part in the layer that predicts it.

    Args:
        divided: the images and their folds.
        params: params.yaml.
        config: as `model_config` returns, with the `weights`.
        weights: of the backbone.
        folder: keeps features.

    Raises TrainingError as `fit_head`, and Stopped on a signal.
    """
    hardware = choose_hardware(params.train.device, params.train.precision, params.train.threads)
    if params.train.precision == "auto":
        hardware = in_fp32(hardware)
    print(hardware.reasons["threads"], flush=True)
    print(f"device {hardware.reasons['device']}; precision {hardware.reasons['precision']}", flush=True)
    classifier = new_classifier(dict(config), divided.train, seed=params.seed, weights=weights)
    flipped, two = params.augment.flip != "none", params.model.views > 1
    on = OnBackbone(classifier, config, folder, hardware.device, hardware.precision)
    train, validation = (
        labelled_views(Part(name, split, sha256), on, mirrored=flipped or two)
        for name, split, sha256 in zip(
            ("training", "validation"), (divided.train, divided.validation), divided.sha256, strict=False
        )
    )
    fit: dict[str, Any] = {"classes": len(config["classes"]), "settings": params.train}
    # each image's features as the average over its views: the layer is linear
    images = joined([_mean_of_views(views if two else views[:1]) for views in (train, validation)])
    fitted_views = slice(None) if flipped else slice(1)
    train, validation = train[fitted_views], validation[fitted_views]
    first, count = len(divided.train), int(divided.folds.max()) + 1
    fold_of = torch.from_numpy(divided.folds)
    probabilities = np.empty((len(fold_of), fit["classes"]), dtype=np.float32)
    for number in range(count):
        held_out = fold_of == number
        seen = joined([_rows(one, ~held_out[:first]) for one in train])
        others = [_rows(one, ~held_out[first:]) for one in validation]
        best = fit_head(seen, others[0], **fit)[0].best
        assert isinstance(best, Head)
        weight, bias = fit_once(joined([seen, *others]), strength=best.strength, **fit)
        logits = images.features[held_out].double() @ weight.T + bias
        probabilities[held_out.numpy()] = logits.softmax(1).float().numpy()
        right = (logits.argmax(1) == images.labels[held_out]).double().mean().item()
        print(
            f"fold {number + 1}/{count}  strength {best.strength:g}: {right:.2%} of {len(logits):,} images "
            "correct",
            flush=True,
        )
    return probabilities


def _mean_of_views(views: list[Labelled]) -> Labelled:
    return Labelled(torch.stack([one.features for one in views]).mean(0), views[0].labels)


def _rows(labelled: Labelled, rows: torch.Tensor) -> Labelled:
    return Labelled(labelled.features[rows], labelled.labels[rows])
