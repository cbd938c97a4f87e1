"""The fit of a head on a frozen backbone's features that is no linear layer, for several labels.

As in `label_head.py`, on standardised features, with the strength of the highest mAP on the validation
images.
"""

import time
from collections.abc import Callable
from typing import Any

import torch

from darkroom.config import Params
from darkroom.config.train import Train
from darkroom.models.feature_heads.feature_head import FeatureHead
from darkroom.models.feature_heads.net import FeaturesNet
from darkroom.training.feature_heads import FITS
from darkroom.training.features import OnBackbone, Part
from darkroom.training.head import WORSE, Labelled, joined, labelled_views, standardisation
from darkroom.training.history import Fit
from darkroom.training.label_head import LabelHead, LabelHeadFit, figures_of
from darkroom.training.losses.multilabel import build_label_loss, summed

ROWS = 1024  # images whose logits are computed at once


def train_feature_head(
    on: OnBackbone,
    train: Part,
    validation: Part,
    *,
    params: Params,
    on_epoch: Callable[[LabelHead], None] = lambda head: None,
) -> LabelHeadFit:
    """Fit the head of a classifier, whose net is a `FeaturesNet`, in place; its trunk stays.

    The arguments are those of `head.train_head`. Of `params.train` the loss has no part in the fit: its value
    is only stated. Raises TrainingError where the head's logits are not finite, UserError where the head
    refuses the images or labels, and Stopped on a signal.
    """
    began = time.perf_counter()
    seen = joined(labelled_views(train, on, mirrored=params.augment.flip != "none"))
    (held_out,) = labelled_views(validation, on, mirrored=False)
    seconds = time.perf_counter() - began
    net = on.classifier.to("cpu").net
    assert isinstance(net, FeaturesNet)
    how: dict[str, Any] = {"settings": params.train, "seed": params.seed, "on_epoch": on_epoch}
    fitted, net.head = fit_feature_head(seen, held_out, name=params.model.head, **how)
    net.mean, scale = standardisation(seen.features)
    net.mean, net.rate = net.mean.float(), (1 / scale).float()
    on.classifier.eval()
    best = fitted.best
    assert isinstance(best, LabelHead)
    by_label = (best.strength,) * net.outputs()
    return LabelHeadFit(fitted.history, best, fitted.stopped_early, best.strength, seconds, by_label)


def fit_feature_head(
    train: Labelled,
    validation: Labelled,
    *,
    name: str,
    settings: Train,
    seed: int = 0,
    on_epoch: Callable[[LabelHead], None] = lambda head: None,
) -> tuple[Fit, FeatureHead]:
    """Return the fits of all strengths of the head `name`, a key of `FITS`, and the head of the highest mAP.

    The head takes features as `standardisation` makes them of the training images. Raises TrainingError where
    its logits are not finite.
    """
    mean, scale = standardisation(train.features)
    seen, held_out = (
        Labelled((part.features.double() - mean) / scale, part.labels) for part in (train, validation)
    )
    loss = summed(build_label_loss(settings, seen.labels))
    strengths, fit = FITS[name]
    history: list[LabelHead] = []
    began = time.perf_counter()
    for number, (strength, head) in enumerate(fit(seen.features, seen.labels, seed), start=1):
        logits = logits_of(head, seen), logits_of(head, held_out)
        figures = figures_of(logits, seen, held_out, loss, number=number, strength=strength, began=began)
        history.append(figures)
        on_epoch(figures)
        best = max(history, key=lambda one: one.validation_average_precision or 0.0)
        if best is figures:
            chosen = head
        elif number - best.epoch >= WORSE:
            break
        began = time.perf_counter()
    return Fit(list(history), best, stopped_early=len(history) < len(strengths)), chosen.eval()


@torch.inference_mode()
def logits_of(head: FeatureHead, images: Labelled) -> torch.Tensor:
    """Return the logits float64 [N,L] of images by their standardised features."""
    parts = torch.split(images.features.float(), ROWS)
    return torch.cat([head(part) for part in parts]).double()
