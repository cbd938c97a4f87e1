"""The linear layer on a frozen backbone: multinomial logistic regression on features that are computed once.

The features are standardised for the fit, and that is folded into the layer afterwards. The strength of its
L2 penalty is the one of `STRENGTHS` with the smallest log-loss on the validation images.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.config import Params
from darkroom.config.train import BestBy, Train
from darkroom.models.classifier import Classifier
from darkroom.models.hardware import Hardware
from darkroom.training.features import OnBackbone, Part, features_of
from darkroom.training.history import Epoch, Fit, TrainingError
from darkroom.training.losses import Loss, build_loss
from darkroom.training.losses.class_weights import balanced, weighted

# Of the penalty strength / 2 * sum of squared weights, beside the mean loss of the training images; from the
# strongest on, since each fit starts from the one before.
STRENGTHS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
WORSE = 2  # strengths in a row without a smaller validation loss end the search: weaker ones overfit more
STEPS = 200  # of L-BFGS for each strength, at most
CONSTANT = 1e-6  # deviation up to which a feature counts as constant, and has no weight

Layer = tuple[Tensor, Tensor]  # weight [classes,F] and bias [classes], float64


@dataclass(frozen=True)
class Head(Epoch):
    """The figures of one fit of the linear layer: an `Epoch` whose number is that of its strength.

    Attributes:
        strength: of the L2 penalty.
    """

    strength: float = 0.0


@dataclass(frozen=True)
class HeadFit(Fit):
    """A fitted linear layer.

    Attributes:
        strength: the chosen one.
        feature_seconds: in which the features were computed, or read where they were kept.
    """

    strength: float = 0.0
    feature_seconds: float = 0.0


@dataclass(frozen=True)
class Labelled:
    """Features float [N,F] and their labels int64 [N]."""

    features: Tensor
    labels: Tensor


def in_fp32(hardware: Hardware) -> Hardware:
    """Return the hardware with fp32, in which `train.precision: auto` computes the features of a backbone."""
    reason = "fp32: auto computes a backbone's features in it"
    return replace(hardware, precision=torch.float32, reasons={**hardware.reasons, "precision": reason})


def train_head(
    on: OnBackbone,
    train: Part,
    validation: Part,
    *,
    params: Params,
    on_epoch: Callable[[Head], None] = lambda head: None,
    on_layer: Callable[[Layer], None] = lambda layer: None,
) -> HeadFit:
    """Fit the linear layer of a classifier, whose net is a `BackboneNet`, in place; its trunk stays.

    Where training images are mirrored (augment.flip), each counts as it is and mirrored. With
    `train.use_validation` the layer is then fitted to training and validation images together, at the
    strength that the validation images chose; the figures of the fits are still those of the training images
    alone. Of `params.train` the loss, its weights and logit adjustment, sampling, best_by, device and
    precision have a part too; the other keys, such as epochs and learning_rate, have none. The classifier is
    left in evaluation mode on the CPU.

    Args:
        on: the classifier, and how features are computed.
        train: the training images.
        validation: the validation images, which choose the strength.
        params: params.yaml.
        on_epoch: is called after the fit of each strength.
        on_layer: is called with the layer of each strength.

    Raises TrainingError when the loss is not finite, and Stopped on a signal.
    """
    began = time.perf_counter()
    flipped, final = params.augment.flip != "none", params.train.use_validation
    seen = labelled_views(train, on, mirrored=flipped)
    held_out = labelled_views(validation, on, mirrored=flipped and final)
    seconds = time.perf_counter() - began
    fit: dict[str, Any] = {"classes": len(on.config["classes"]), "settings": params.train}
    shown: dict[str, Any] = {"on_epoch": on_epoch, "on_layer": on_layer}
    fitted, weight, bias = fit_head(joined(seen), held_out[0], **shown, **fit)
    best = fitted.best
    assert isinstance(best, Head)
    if final:
        weight, bias = fit_once(joined([*seen, *held_out]), strength=best.strength, **fit)
    set_layer(on.classifier, weight, bias)
    return HeadFit(fitted.history, best, fitted.stopped_early, best.strength, seconds)


def set_layer(classifier: Classifier, weight: Tensor, bias: Tensor) -> None:
    """Set the linear layer of a classifier, and leave it in evaluation mode on the CPU."""
    layer = classifier.to("cpu").eval().net.last_layer()
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)


def labelled_views(part: Part, on: OnBackbone, *, mirrored: bool) -> list[Labelled]:
    """Return the features of the images of `part` as they are and, if `mirrored`, of their mirror images."""
    labels = torch.from_numpy(np.array(part.split.labels))
    parts = [part, replace(part, mirrored=True)] if mirrored else [part]
    return [Labelled(torch.from_numpy(features_of(one, on)), labels) for one in parts]


def joined(parts: Sequence[Labelled]) -> Labelled:
    """Return several sets of features as one, in their order."""
    return Labelled(torch.cat([one.features for one in parts]), torch.cat([one.labels for one in parts]))


def fit_once(train: Labelled, *, strength: float, classes: int, settings: Train) -> tuple[Tensor, Tensor]:
    """Return weight [classes,F] and bias [classes], float64, of the fit at one strength.

    Raises TrainingError when the loss is not finite.
    """
    mean, scale = standardisation(train.features)
    seen = Labelled((train.features.double() - mean) / scale, train.labels)
    loss = head_loss(settings, seen.labels, classes=classes)
    layer = torch.zeros(classes, seen.features.shape[1] + 1, dtype=torch.float64)
    layer = minimise(layer, seen, loss, strength=strength)
    if not bool(torch.isfinite(layer).all()):
        raise TrainingError(_not_finite(math.nan, strength))
    return folded(layer, mean, scale)


def standardisation(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of features [N,F], float64 [F]; that of a constant feature is infinite."""
    wide = features.double()
    deviation = wide.std(0, correction=0)
    return wide.mean(0), torch.where(deviation > CONSTANT, deviation, math.inf)


def fit_head(
    train: Labelled,
    validation: Labelled,
    *,
    classes: int,
    settings: Train,
    on_epoch: Callable[[Head], None] = lambda head: None,
    on_layer: Callable[[Layer], None] = lambda layer: None,
) -> tuple[Fit, Tensor, Tensor]:
    """Return the fits of `STRENGTHS`, and weight [classes,F] and bias [classes] of the best, float64.

    Raises TrainingError when the loss is not finite.
    """
    mean, scale = standardisation(train.features)
    seen = Labelled((train.features.double() - mean) / scale, train.labels)
    held_out = Labelled((validation.features.double() - mean) / scale, validation.labels)
    loss = head_loss(settings, seen.labels, classes=classes)
    layer = torch.zeros(classes, seen.features.shape[1] + 1, dtype=torch.float64)
    history: list[Head] = []
    best, best_layer = math.inf, layer
    for number, strength in enumerate(STRENGTHS, start=1):
        began = time.perf_counter()
        layer = minimise(layer, seen, loss, strength=strength)
        found = validated(layer, held_out, best_by=settings.best_by)
        seconds = time.perf_counter() - began
        head = Head(
            epoch=number,
            train_loss=loss(logits_of(layer, seen.features), seen.labels).item() / len(seen.labels),
            train_accuracy=_accuracy(layer, seen),
            validation_loss=found["loss"],
            validation_accuracy=found["accuracy"],
            learning_rate=0.0,  # L-BFGS finds the length of each step
            seconds=seconds,
            images_per_second=len(seen.labels) / seconds,
            validation_balanced_accuracy=found["balanced_accuracy"],
            strength=strength,
        )
        if not math.isfinite(head.train_loss + found["chosen_by"]):
            raise TrainingError(_not_finite(head.train_loss, strength))
        history.append(head)
        on_epoch(head)
        on_layer(folded(layer, mean, scale))
        if found["chosen_by"] < best:
            best, best_layer, chosen = found["chosen_by"], layer, head
        elif number - chosen.epoch >= WORSE:
            break
    fit = Fit(list(history), chosen, stopped_early=len(history) < len(STRENGTHS))
    return fit, *folded(best_layer, mean, scale)


def folded(layer: Tensor, mean: Tensor, scale: Tensor) -> Layer:
    """Return weight and bias for features as they are, of a layer [classes,F+1] for standardised ones."""
    weight = layer[:, :-1] / scale
    return weight, layer[:, -1] - weight @ mean


def head_loss(settings: Train, labels: Tensor, *, classes: int) -> Loss:
    """Return the loss of `train.loss` with its weights; balanced sampling weighs each class alike."""
    counts = labels.bincount(minlength=classes)
    loss = build_loss(settings, counts)
    return weighted(loss, balanced(counts)) if settings.sampling == "balanced" else loss


def minimise(layer: Tensor, train: Labelled, loss: Loss, *, strength: float) -> Tensor:
    """Return the layer float64 [classes,F+1] of the smallest penalised mean loss, searched from `layer`.

    By L-BFGS (Liu & Nocedal 1989) with a line search for the strong Wolfe conditions; the last column, the
    bias, is not penalised.
    """
    layer = layer.clone().requires_grad_()
    how: dict[str, Any] = {"max_iter": STEPS, "history_size": 20, "line_search_fn": "strong_wolfe"}
    optimizer = torch.optim.LBFGS([layer], tolerance_grad=1e-6, tolerance_change=1e-9, **how)

    def closure() -> float:
        optimizer.zero_grad()
        mean = loss(logits_of(layer, train.features), train.labels) / len(train.labels)
        penalised = mean + strength / 2 * layer[:, :-1].square().sum()
        penalised.backward()  # type: ignore[no-untyped-call]
        return penalised.item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return layer.detach()


def logits_of(layer: Tensor, features: Tensor) -> Tensor:
    """Return the logits [N,classes] of features [N,F] by a layer [classes,F+1], whose last is the bias."""
    return features @ layer[:, :-1].T + layer[:, -1]


def validated(layer: Tensor, validation: Labelled, *, best_by: BestBy) -> dict[str, float]:
    """Return loss and accuracies of the validation images, and the loss by which strengths are compared.

    That is the mean over the images, or over the classes where `best_by` is balanced_accuracy.
    """
    labels = validation.labels
    logits = logits_of(layer, validation.features)
    losses, right = F.cross_entropy(logits, labels, reduction="none"), (logits.argmax(1) == labels).double()
    counts = labels.bincount()
    by_class = [
        (torch.zeros(len(counts), dtype=torch.float64).index_add_(0, labels, each) / counts)[counts > 0]
        for each in (losses, right)
    ]
    loss = losses.mean().item()
    return {
        "loss": loss,
        "accuracy": right.mean().item(),
        "balanced_accuracy": by_class[1].mean().item(),
        "chosen_by": by_class[0].mean().item() if best_by == "balanced_accuracy" else loss,
    }


def summary(fitted: HeadFit) -> dict[str, Any]:
    """Return what reports/train.json states of the linear layer."""
    tried = [head.strength for head in fitted.history if isinstance(head, Head)]
    return {"strength": fitted.strength, "strengths": tried}


def progress_line(head: Head) -> str:
    """Return a line on the fit of one strength."""
    return (
        f"strength {head.strength:<6g} loss {head.train_loss:.3f}  train {head.train_accuracy:.2%}  "
        f"validation {head.validation_accuracy:.2%}, log-loss {head.validation_loss:.4f}  "
        f"{head.seconds:.1f} s"
    )


def result_line(fitted: HeadFit, *, views: int, accuracy_with_views: float | None) -> str:
    """Return a line on a fitted linear layer."""
    with_views = f"{accuracy_with_views or 0:.2%} with {views} view{'s' if views > 1 else ''}"
    return (
        f"features in {fitted.feature_seconds:.0f} s; strength {fitted.strength:g}, the best of "
        f"{len(fitted.history)}: {fitted.best.validation_accuracy:.2%} validation accuracy, "
        + ("then fitted to the validation images too" if accuracy_with_views is None else with_views)
    )


def _not_finite(loss: float, strength: float) -> str:
    return (
        f"the loss of the linear layer is {loss} at a strength of {strength:g}: the features are not finite; "
        "set train.precision=fp32"
    )


def _accuracy(layer: Tensor, labelled: Labelled) -> float:
    right = logits_of(layer, labelled.features).argmax(1) == labelled.labels
    return right.double().mean().item()
