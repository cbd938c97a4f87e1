"""An ensemble from its members to the net that they become: trained, chosen, and its cost measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.config import Params
from darkroom.models.backbones.net import BackboneNet
from darkroom.models.classifier import Classifier
from darkroom.models.cost import milliseconds, multiply_adds
from darkroom.models.networks.net import Net
from darkroom.training.ensembles import choice
from darkroom.training.ensembles.choice import Choice, choose, described, ensemble_net
from darkroom.training.ensembles.members import linear_member, train_resized, tuned_member
from darkroom.training.ensembles.scratch import train_scratch
from darkroom.training.features import OnBackbone, Part
from darkroom.training.head import Layer
from darkroom.training.history import Epoch


@dataclass(frozen=True)
class Costs:
    """What a prediction of one image takes, with all views.

    Attributes:
        multiply_adds: multiplications with an addition.
        milliseconds: on one thread of this CPU.
    """

    multiply_adds: int
    milliseconds: float


@dataclass(frozen=True)
class Ensembled:
    """What an ensemble came to.

    Attributes:
        choice: its members with their weights, and whether it is kept.
        described: what models/model_config.json states under `ensemble` where it is kept.
        net: the members with a weight, as one net.
        costs: of the ensemble.
        best_costs: of its best member alone.
    """

    choice: Choice
    described: list[dict[str, Any]]
    net: Net
    costs: Costs
    best_costs: Costs


def ensemble(
    on: OnBackbone,
    train: Part,
    validation: Part,
    *,
    params: Params,
    layers: Sequence[Layer],
    tuned: BackboneNet | None,
    checkpoints: Path | None,
) -> Ensembled:
    """Train the members that model.ensemble names, and choose among them and what is there already.

    The classifier of `on` gets the soup of `layers` for its linear layer.

    Args:
        on: a classifier on a backbone as it was published.
        train: the training images.
        validation: the validation images, which choose the strengths, an epoch and the weights.
        params: params.yaml.
        layers: its linear layers of several strengths.
        tuned: the fine-tuned net, a further member.
        checkpoints: a folder for the checkpoints of a net from scratch alone.

    Raises TrainingError where a loss is not finite, and Stopped on a signal.
    """
    members = [linear_member(on, validation, layers)]
    if tuned is not None:
        members.append(tuned_member(tuned, on, validation, what=params.model.tune_backbone))
    for further in params.model.ensemble:
        print(f"next member of the ensemble: {further}", flush=True)
        if further == "scratch":
            more: dict[str, Any] = {"checkpoints": checkpoints, "on_epoch": _show}
            members.append(train_scratch(on, train, validation, params=params, **more))
        else:
            members.append(train_resized(on, further, train, validation, params=params))
    chosen = choose(members, validation.split.labels, seed=params.seed)
    parts = described(chosen)
    net = ensemble_net(chosen, {**on.config, "ensemble": parts})
    best = chosen.members[chosen.best].net
    return Ensembled(chosen, parts, net, costs_of(net, on), costs_of(best, on))


def has_tuned(ensembled: Ensembled) -> bool:
    """Return whether the fine-tuned net is one of the members with a weight."""
    return any("tune_backbone" in about["changes"] for about in ensembled.described)


def costs_of(net: Net, on: OnBackbone) -> Costs:
    """Return what an image takes by `net` in place of that of the classifier of `on`."""
    config = on.config
    classifier = Classifier(net, mean=config["mean"], std=config["std"], views=config["views"]).eval()
    shape = (config["height"], config["width"], config["channels"])
    return Costs(multiply_adds(classifier, shape=shape), milliseconds(classifier, shape=shape))


def summary(ensembled: Ensembled) -> dict[str, Any]:
    """Return what reports/train.json states of an ensemble, whether or not it is kept."""
    stated = choice.summary(ensembled.choice)["ensemble"]
    costs = {
        "multiply_adds": ensembled.costs.multiply_adds,
        "best_member_multiply_adds": ensembled.best_costs.multiply_adds,
    }
    return {"ensemble": {**stated, **costs}}


def timing(ensembled: Ensembled) -> Mapping[str, Any]:
    """Return what reports/train_timing.json states of an ensemble: milliseconds for one image."""
    return {
        "ensemble": {
            "milliseconds": ensembled.costs.milliseconds,
            "best_member_milliseconds": ensembled.best_costs.milliseconds,
        }
    }


def verdict_line(ensembled: Ensembled) -> str:
    """Return in words whether the ensemble is kept, why, and what it costs."""
    return (
        f"{choice.verdict_line(ensembled.choice)}; an image takes {ensembled.costs.milliseconds:.0f} ms by "
        f"the ensemble and {ensembled.best_costs.milliseconds:.0f} ms by its best member, on one thread here"
    )


def _show(epoch: Epoch) -> None:
    print(
        f"  epoch {epoch.epoch}  loss {epoch.train_loss:.3f}  "
        f"validation {epoch.validation_accuracy or 0:.2%}  {epoch.seconds:.0f} s",
        flush=True,
    )
