"""The linear layer on a frozen backbone for several labels: one logistic regression a label, or another loss.

As in `head.py`, on standardised features, with the strength of the L2 penalty chosen on the validation
images. Losses that are a sum over the labels get a strength for each label; those that compare labels get
one.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.config import Params
from darkroom.config.train import Train
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.evaluation.multilabel.per_image import exact
from darkroom.training.features import OnBackbone, Part
from darkroom.training.head import (
    CONSTANT,
    STRENGTHS,
    WORSE,
    Head,
    HeadFit,
    Labelled,
    joined,
    labelled_views,
    logits_of,
    minimise,
    set_layer,
)
from darkroom.training.history import BestByPrecision, Fit, TrainingError
from darkroom.training.label_heads import LABEL_HEADS
from darkroom.training.label_heads.devise import devise
from darkroom.training.losses import Loss
from darkroom.training.losses.multilabel import NOISY, build_label_loss, summed

# Losses that are a sum over the labels: each label is a problem of its own.
SEPARATE = ("binary_cross_entropy", "binary_focal", "asymmetric")
# Of Adam, for losses whose value is drawn: passes over the images, images a step, and the rate at first.
PASSES, BATCH, RATE = 60, 128, 0.003


@dataclass(frozen=True)
class LabelHead(BestByPrecision, Head):
    """The figures of one fit of the linear layer for several labels; accuracies are exact matches."""


@dataclass(frozen=True)
class LabelHeadFit(HeadFit):
    """A fitted linear layer for several labels.

    Attributes:
        by_label: the chosen strength of each label.
    """

    by_label: tuple[float, ...] = ()


def train_label_head(
    on: OnBackbone,
    train: Part,
    validation: Part,
    *,
    params: Params,
    label_vectors: Tensor | None = None,
    on_epoch: Callable[[LabelHead], None] = lambda head: None,
) -> LabelHeadFit:
    """Fit the linear layer of a classifier, whose net is a `BackboneNet`, in place; its trunk stays.

    The arguments are those of `head.train_head`, and `label_vectors` float64 [L,D] for the head devise. Of
    `params.train` the loss and its class_weights, device and precision have a part. Raises TrainingError when
    the loss is not finite, and Stopped on a signal.
    """
    began = time.perf_counter()
    seen = joined(labelled_views(train, on, mirrored=params.augment.flip != "none"))
    (held_out,) = labelled_views(validation, on, mirrored=False)
    seconds = time.perf_counter() - began
    fitted, by_label, weight, bias = fit_label_head(
        seen,
        held_out,
        settings=params.train,
        head=params.model.head,
        seed=params.seed,
        label_vectors=label_vectors,
        on_epoch=on_epoch,
    )
    set_layer(on.classifier, weight, bias)
    best = fitted.best
    assert isinstance(best, LabelHead)
    return LabelHeadFit(fitted.history, best, fitted.stopped_early, best.strength, seconds, by_label)


def fit_label_head(
    train: Labelled,
    validation: Labelled,
    *,
    settings: Train,
    head: str = "linear",
    seed: int = 0,
    label_vectors: Tensor | None = None,
    on_epoch: Callable[[LabelHead], None] = lambda head: None,
) -> tuple[Fit, tuple[float, ...], Tensor, Tensor]:
    """Return the fits of all strengths, each label's strength, and weight [L,F] and bias [L], float64.

    A loss that is a sum over labels gets for each label the strength of its smallest validation loss; others,
    and a `head` that embeds labels (a key of `LABEL_HEADS`, which has a loss of its own), get one for all,
    that of the highest mAP. `label_vectors` float64 [L,D] are for the head devise. Raises TrainingError when
    the loss is not finite.
    """
    wide = train.features.double()
    mean, deviation = wide.mean(0), wide.std(0, correction=0)
    scale = torch.where(deviation > CONSTANT, deviation, math.inf)  # divides a constant feature to 0
    seen = Labelled((wide - mean) / scale, train.labels)
    held_out = Labelled((validation.features.double() - mean) / scale, validation.labels)
    separate = head == "linear" and settings.loss in SEPARATE
    loss = summed(build_label_loss(settings, seen.labels))
    strengths: tuple[float, ...] = STRENGTHS
    if head == "linear":
        fits = _layers(seen, loss, settings=settings, seed=seed)
    else:
        strengths, fit_layers = LABEL_HEADS[head]
        if label_vectors is not None:
            fit_layers = partial(devise, vectors=label_vectors)
        fits = fit_layers(seen.features, seen.labels, seed)
    classes = train.labels.shape[1]
    history: list[LabelHead] = []
    chosen_layer = torch.zeros(classes, wide.shape[1] + 1, dtype=torch.float64)
    chosen = torch.zeros(classes, dtype=torch.float64)
    smallest, last = torch.full((classes,), torch.inf, dtype=torch.float64), 0
    began = time.perf_counter()
    for number, (strength, layer) in enumerate(fits, start=1):
        logits = logits_of(layer, seen.features), logits_of(layer, held_out.features)
        figures = figures_of(logits, seen, held_out, loss, number=number, strength=strength, began=began)
        history.append(figures)
        on_epoch(figures)
        precision = figures.validation_average_precision
        assert precision is not None
        losses = label_losses(logits[1], held_out.labels)
        score = losses if separate else torch.full_like(smallest, -precision)
        better = score < smallest
        smallest = torch.where(better, score, smallest)
        chosen = torch.where(better, strength, chosen)
        chosen_layer = torch.where(better[:, None], layer, chosen_layer)
        last = number if better.any() else last
        if number - last >= WORSE:
            break
        began = time.perf_counter()
    best = max(history, key=lambda figures: figures.validation_average_precision or 0.0)
    weight = chosen_layer[:, :-1] / scale
    fit = Fit(list(history), best, stopped_early=len(history) < len(strengths))
    return fit, tuple(chosen.tolist()), weight, chosen_layer[:, -1] - weight @ mean


def _layers(seen: Labelled, loss: Loss, *, settings: Train, seed: int) -> Iterator[tuple[float, Tensor]]:
    """Yield each of `STRENGTHS` with the layer of the smallest loss, from the one before on."""
    layer = torch.zeros(seen.labels.shape[1], seen.features.shape[1] + 1, dtype=torch.float64)
    for strength in STRENGTHS:
        if settings.loss in NOISY:
            layer = minimise_by_steps(layer, seen, loss, strength=strength, seed=seed)
        else:
            layer = minimise(layer, seen, loss, strength=strength)
        yield strength, layer


def minimise_by_steps(layer: Tensor, train: Labelled, loss: Loss, *, strength: float, seed: int) -> Tensor:
    """Return the layer of the smallest penalised mean loss, for losses whose value is drawn.

    By Adam (Kingma & Ba 2015, arXiv:1412.6980) over batches, with a rate that falls linearly to 0. Sets
    torch's global seed, from which such losses draw.
    """
    torch.manual_seed(seed)
    layer = layer.clone().requires_grad_()
    optimizer = torch.optim.Adam([layer], lr=RATE)
    count = len(train.labels)
    steps = PASSES * math.ceil(count / BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1e-3, total_iters=steps)
    for _ in range(PASSES):
        for rows in torch.split(torch.randperm(count), BATCH):
            optimizer.zero_grad()
            mean = loss(logits_of(layer, train.features[rows]), train.labels[rows]) / len(rows)
            penalised = mean + strength / 2 * layer[:, :-1].square().sum()
            penalised.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return layer.detach()


def label_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of each label over the images of which it is known, float [L]."""
    known = labels >= 0
    each = F.binary_cross_entropy_with_logits(logits, (labels == 1).to(logits.dtype), reduction="none")
    return (each * known).sum(0) / known.sum(0).clamp(min=1)


def summary(fitted: LabelHeadFit, classes: Sequence[str], *, head: str) -> dict[str, Any]:
    """Return what reports/train.json states of the linear layer, which `head` (model.head) was fitted by."""
    tried = [one.strength for one in fitted.history if isinstance(one, Head)]
    by_label = dict(zip(classes, fitted.by_label, strict=True))
    return {"head": head, "strength": fitted.strength, "strengths": tried, "strength_by_label": by_label}


def progress_line(head: LabelHead) -> str:
    """Return a line on the fit of one strength."""
    return (
        f"strength {head.strength:<6g} loss {head.train_loss:.3f}  validation mAP "
        f"{head.validation_average_precision:.2%}, log-loss {head.validation_loss:.4f}, exact match "
        f"{head.validation_accuracy:.2%}  {head.seconds:.1f} s"
    )


def result_line(fitted: LabelHeadFit, *, views: int, precision_with_views: float) -> str:
    """Return a line on a fitted linear layer."""
    different = sorted(set(fitted.by_label))
    each = f"{different[0]:g}" if len(different) == 1 else f"{different[0]:g} to {different[-1]:g} by label"
    return (
        f"features in {fitted.feature_seconds:.0f} s; strength {each}: {precision_with_views:.2%} validation "
        f"mAP with {views} view{'s' if views > 1 else ''}"
    )


def figures_of(
    logits: tuple[Tensor, Tensor],
    seen: Labelled,
    held_out: Labelled,
    loss: Loss,
    *,
    number: int,
    strength: float,
    began: float,
) -> LabelHead:
    """Return the figures of one fit, from its logits [N,L] of training and of validation images.

    `loss` is that of the training images, summed over them; `began` when the fit began, by the performance
    counter. Raises TrainingError where the loss is not finite.
    """
    labels = [part.labels.numpy().astype(np.int8) for part in (seen, held_out)]
    right = [exact((z > 0).numpy(), y).mean() for z, y in zip(logits, labels, strict=True)]
    train_loss = loss(logits[0], seen.labels).item() / len(seen.labels)
    if not math.isfinite(train_loss):
        raise TrainingError(
            f"the loss of the linear layer is {train_loss} at a strength of {strength:g}: the features are "
            "not finite; set train.precision=fp32"
        )
    seconds = time.perf_counter() - began
    return LabelHead(
        epoch=number,
        train_loss=train_loss,
        train_accuracy=float(right[0]),
        validation_loss=label_losses(logits[1], held_out.labels).mean().item(),
        validation_accuracy=float(right[1]),
        learning_rate=0.0,  # L-BFGS finds the length of each step
        seconds=seconds,
        images_per_second=len(seen.labels) / seconds,
        strength=strength,
        validation_average_precision=mean_average_precision(logits[1].numpy(), labels[1]),
    )
