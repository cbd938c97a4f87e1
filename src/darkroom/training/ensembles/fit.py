"""An ensemble from its members to the net that they become: trained, chosen, and its cost measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.config import Params
from darkroom.models.classifier import Classifier
from darkroom.models.cost import milliseconds, multiply_adds
from darkroom.models.networks.net import Net
from darkroom.training.ensembles import choice
from darkroom.training.ensembles.choice import Choice, choose, described, ensemble_net
from darkroom.training.ensembles.members import Member, linear_member, train_resized
from darkroom.training.features import OnBackbone, Part


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


def ensemble(on: OnBackbone, train: Part, validation: Part, *, params: Params) -> Ensembled:
    """Train the members that model.ensemble names, and choose among them and the linear layer of `on`.

    The classifier of `on` stays as it is.

    Args:
        on: a classifier with a linear layer that was fitted to the features of its backbone.
        train: the training images.
        validation: the validation images, which choose the strengths and the weights.
        params: params.yaml.

    Raises TrainingError where a loss is not finite, and Stopped on a signal.
    """
    members = [_shown(linear_member(on, validation))]
    members += [
        _shown(train_resized(on, side, train, validation, params=params)) for side in params.model.ensemble
    ]
    chosen = choose(members, validation.split.labels, seed=params.seed)
    parts = described(chosen)
    net = ensemble_net(chosen, {**on.config, "ensemble": parts})
    best = chosen.members[chosen.best].net
    return Ensembled(chosen, parts, net, costs_of(net, on), costs_of(best, on))


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


def _shown(member: Member) -> Member:
    print(f"member of the ensemble: {member.name}", flush=True)
    return member
