"""Fine-tuning: the later parts of a backbone are trained on, from the linear layer that was fitted to it.

First the linear layer and then all, because a layer of random weights would distort the features (LP-FT,
Kumar et al. 2022, arXiv:2202.10054). What comes out has to beat the linear layer on the validation images.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.config import Params
from darkroom.config.loading import override
from darkroom.data.splits import Split
from darkroom.evaluation.mcnemar import mcnemar_p
from darkroom.models.backbones.net import BackboneNet, LateNet
from darkroom.models.classifier import Classifier
from darkroom.models.inference import predict_logits
from darkroom.training.early_maps import maps_of
from darkroom.training.features import OnBackbone, Part
from darkroom.training.history import Epoch, Fit
from darkroom.training.loop import fit

SIGNIFICANCE = 0.05  # largest p-value at which the fine-tuned net counts as better


@dataclass(frozen=True)
class Tuned:
    """What fine-tuning came to.

    Attributes:
        fitted: its epochs; the best one by the validation images was compared.
        before: share of the validation images that the linear layer predicts correctly, with all views.
        after: that of the fine-tuned net.
        only_before: how many only the linear layer predicts correctly.
        only_after: how many only the fine-tuned net does.
        p_value: of McNemar's exact test.
        kept: whether the classifier is the fine-tuned net; otherwise it is as it was before.
        net: the fine-tuned net, kept or not, by itself; None where it was not asked for.
    """

    fitted: Fit
    before: float
    after: float
    only_before: int
    only_after: int
    p_value: float
    kept: bool
    net: BackboneNet | None = None


def fine_tune(
    on: OnBackbone,
    train: Part,
    validation: Part,
    *,
    params: Params,
    checkpoints: Path | None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    enough: Callable[[Sequence[Epoch]], bool] = lambda history: False,
    keep_net: bool = False,
) -> Tuned:
    """Train the parts of the backbone of a classifier that model.tune_backbone names, and its linear layer.

    With `last` the parts before them run once, and the maps that they give are trained on: of each image as
    it is and, where `augment.flip` is not none, mirrored. With `all` every part is trained, from the images,
    with all of `params.augment`. The learning rate falls from part to part towards the image
    (`darkroom.models.backbones.net.RATE_SHARE`); batch norms keep their statistics. Otherwise it is the loop
    of every training, `darkroom.training.loop.fit`, with `params.train`.

    The classifier is changed in place where the best epoch predicts more validation images correctly than
    the linear layer, by McNemar's exact test beyond chance; otherwise it is as before. It is left in
    evaluation mode on the CPU.

    Args:
        on: a classifier with a linear layer that was fitted to the features of its backbone.
        train: the training images.
        validation: the validation images.
        params: params.yaml.
        checkpoints: a folder in which each epoch leaves a checkpoint.
        on_epoch: is called after each epoch.
        enough: is asked with the epochs that are done, before the next; yes ends the training there.
        keep_net: whether a copy of the fine-tuned net is returned too.

    Raises TrainingError as `fit` does, and Stopped on a signal.
    """
    classifier, device = on.classifier, on.device
    linear = copy.deepcopy(classifier.state_dict())
    before = predictions(classifier, validation.split, device)
    net = classifier.net
    assert isinstance(net, BackboneNet)
    first = net.trunk.late if params.model.tune_backbone == "last" else 0
    net.thaw(first)
    loop: dict[str, Any] = {"device": device, "precision": on.precision, "checkpoints": checkpoints}
    loop |= {"on_epoch": on_epoch, "enough": enough}
    if first:
        seen = [train] if params.augment.flip == "none" else [train, replace(train, mirrored=True)]
        split, held_out = (maps_of(parts, on, first=first) for parts in (seen, [validation]))
        fitted = fit(late_classifier(net, first), split, held_out, params=of_maps(params), **loop)
    else:
        fitted = fit(classifier, train.split, validation.split, params=params, **loop)
    net.trunk.requires_grad_(False)
    classifier.to("cpu").eval()
    after = predictions(classifier, validation.split, device)
    tuned = judged(fitted, before == validation.split.labels, after == validation.split.labels)
    if keep_net:
        classifier.to("cpu")
        tuned = replace(tuned, net=copy.deepcopy(net).eval())
    if not tuned.kept:
        classifier.to("cpu").load_state_dict(linear)
    classifier.to("cpu").eval()
    return tuned


def late_classifier(net: BackboneNet, first: int) -> Classifier:
    """Return a classifier of maps [B,h,w,C] at the entrance of part `first`, with the weights of `net`."""
    # 1/255: a classifier divides what it is given by 255, and these are no bytes
    return Classifier(LateNet(net, first), mean=[0.0], std=[1 / 255], views=1)


def of_maps(params: Params) -> Params:
    """Return the parameters of a training on maps, which are mirrored already and stay at their size."""
    return override(
        params,
        {
            "augment": {"flip": "none", "translate": 0, "cutout": 0},
            "model": {"views": 1},
            "train": {"low_resolutions": []},
        },
    )


def predictions(classifier: Classifier, split: Split, device: torch.device) -> NDArray[np.int64]:
    """Return the most probable class of each image with all views, int64 [N]."""
    predicted: NDArray[np.int64] = predict_logits(classifier, split, device=device).argmax(1)
    return predicted


def judged(fitted: Fit, before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Tuned:
    """Return whether fine-tuning is kept, from which validation images are predicted correctly, bool [N].

    >>> few = np.arange(100) < 90
    >>> judged(Fit([], None, False), few, np.arange(100) < 97).kept
    True
    >>> judged(Fit([], None, False), few, np.arange(100) < 93).kept
    False
    """
    only_before, only_after = int((before & ~after).sum()), int((after & ~before).sum())
    p_value = mcnemar_p(only_before, only_after)
    kept = only_after > only_before and p_value <= SIGNIFICANCE
    shares = float(before.mean()), float(after.mean())
    return Tuned(fitted, *shares, only_before, only_after, p_value, kept)


def summary(tuned: Tuned) -> dict[str, Any]:
    """Return what reports/train.json states of fine-tuning, beside what it states of every training."""
    return {
        "fine_tuning": {
            "kept": tuned.kept,
            "best_epoch": tuned.fitted.best.epoch,
            "linear_layer_accuracy": tuned.before,
            "fine_tuned_accuracy": tuned.after,
            "only_linear_layer_correct": tuned.only_before,
            "only_fine_tuned_correct": tuned.only_after,
            "p_value": tuned.p_value,
        }
    }


def verdict_line(tuned: Tuned) -> str:
    """Return in words whether the fine-tuned net or the linear layer is kept, and why."""
    kept = "the fine-tuned net is kept" if tuned.kept else "the linear layer alone is kept"
    return (
        f"{kept}: of the validation images the linear layer has {tuned.before:.2%} right and the fine-tuned "
        f"net {tuned.after:.2%}; {tuned.only_before} are right with the first alone and {tuned.only_after} "
        f"with the second alone, p {tuned.p_value:.2g} (McNemar; {SIGNIFICANCE:g} at most is needed)"
    )
