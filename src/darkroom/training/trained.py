"""A whole training by the method that params.yaml asks for: from scratch, on a backbone, or fine-tuned."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from darkroom.config import Params
from darkroom.models.feature_heads import FEATURE_HEADS
from darkroom.models.feature_heads.net import FeaturesNet
from darkroom.models.hardware import Hardware
from darkroom.training import feature_head, fine_tuning, head, label_head, map_head, minutes
from darkroom.training.ensembles import fit as ensembles
from darkroom.training.features import OnBackbone, Part
from darkroom.training.history import Epoch, Fit
from darkroom.training.loop import fit
from darkroom.training.start import Start
from darkroom.training.step_times import measured_ways


@dataclass(frozen=True)
class Trained:
    """What a training came to; the classifier of its start has the weights.

    Attributes:
        fitted: what the classifier is.
        tuned: what fine-tuning came to; None where the backbone was not trained on.
        plan: of fine-tuning within train.minutes; None without a bound.
        ensembled: what an ensemble came to; None where none was asked for.
    """

    fitted: Fit
    tuned: fine_tuning.Tuned | None = None
    plan: minutes.Plan | None = None
    ensembled: ensembles.Ensembled | None = None


def train_classifier(
    start: Start,
    params: Params,
    hardware: Hardware,
    *,
    sha256: Sequence[str],
    features: Path,
    checkpoints: Path,
    began: float,
    on_epoch: Callable[[Epoch], None],
    label_vectors: Tensor | None = None,
) -> Trained:
    """Train the classifier of `start`, in place.

    Args:
        start: images, classifier and configuration; with a `backbone` in the latter, what is on it is fitted.
        params: params.yaml.
        hardware: to train on.
        sha256: of the split that the training images are the first of, and of the validation split.
        features: a folder that keeps what a backbone computes.
        checkpoints: a folder for the checkpoints of this training alone.
        began: when the stage began, by `time.perf_counter`; train.minutes count from then.
        on_epoch: is called after each epoch.
        label_vectors: float64 [L,D] of model.label_vectors.

    Raises TrainingError where a loss is not finite, and Stopped on a signal.
    """
    if "backbone" not in start.config:
        held_out = None if params.train.use_validation else start.validation
        how: dict[str, Any] = {"device": hardware.device, "precision": hardware.precision}
        how |= {"checkpoints": checkpoints, "on_epoch": on_epoch}
        return Trained(fit(start.classifier, start.images, held_out, params=params, **how))
    on = OnBackbone(start.classifier, start.config, features, hardware.device, hardware.precision)
    train, validation = (
        Part(name, split, of_split)
        for name, split, of_split in zip(
            ("training", "validation"), (start.images, start.validation), sha256, strict=True
        )
    )
    layers: list[head.Layer] = []
    further = {"on_layer": layers.append} if params.model.ensemble else {}
    train_layer = _on_backbone(start, label_vectors)
    fitted = train_layer(on, train, validation, params=params, on_epoch=on_epoch, **further)
    if isinstance(start.classifier.net, FeaturesNet):  # an empty head of these shapes is built again
        start.config["head_shapes"] = start.classifier.net.fitted_head().shapes()
    plan = None
    more: dict[str, Any] = {"checkpoints": checkpoints, "on_epoch": on_epoch}
    if params.train.minutes:
        plan, until = _planned(start, params, hardware, folder=checkpoints, began=began)
        params = minutes.planned(params, plan)
        more["enough"] = minutes.out_of_time(until)
    linear = replace(on, classifier=copy.deepcopy(start.classifier)) if params.model.ensemble else on
    tuned = None
    if params.model.tune_backbone != "none":
        more["keep_net"] = bool(params.model.ensemble)
        tuned = fine_tuning.fine_tune(on, train, validation, params=params, **more)
        print(fine_tuning.verdict_line(tuned), flush=True)
        start.config["tune_backbone"] = params.model.tune_backbone if tuned.kept else "none"
        fitted = tuned.fitted if tuned.kept else fitted
    if not params.model.ensemble:
        return Trained(fitted, tuned, plan)
    members: dict[str, Any] = {"tuned": tuned.net if tuned else None, "checkpoints": checkpoints / "scratch"}
    members["layers"] = layers
    ensembled = ensembles.ensemble(linear, train, validation, params=params, **members)
    print(ensembles.verdict_line(ensembled), flush=True)
    if ensembled.choice.kept:
        start.classifier.net = ensembled.net
        start.config["ensemble"] = ensembled.described
        if tuned and not ensembles.has_tuned(ensembled):
            start.config["tune_backbone"] = "none"
    return Trained(fitted, tuned, plan, ensembled)


def _on_backbone(start: Start, label_vectors: Tensor | None) -> Callable[..., Fit]:
    """Return what fits the layer or head on the backbone."""
    if start.config.get("head") in FEATURE_HEADS:
        return feature_head.train_feature_head
    if "head" in start.config:
        return map_head.train_map_head
    if start.images.several:
        return partial(label_head.train_label_head, label_vectors=label_vectors)
    return head.train_head


def _planned(
    start: Start, params: Params, hardware: Hardware, *, folder: Path, began: float
) -> tuple[minutes.Plan, float]:
    """Return what is fine-tuned within train.minutes, and when it has to end by the performance counter."""
    where: dict[str, Any] = {"device": hardware.device, "precision": hardware.precision}
    ways, after = measured_ways(start.classifier, start.images, start.validation, params=params, **where)
    until = began + 60 * params.train.minutes - after

    def make() -> minutes.Plan:
        left = until - time.perf_counter()
        return minutes.plan_minutes(ways, seconds=left, epochs=params.train.epochs)

    plan = minutes.kept_plan(folder, make)
    what = f"{plan.epochs} epochs of {plan.name}" if plan.epochs else "the linear layer alone"
    print(f"train.minutes is {params.train.minutes:g}: {what}", *plan.reasons, sep="\n  ", flush=True)
    return plan, until
