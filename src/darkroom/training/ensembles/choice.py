"""Whether an ensemble pays: it has to beat its best member on the validation images beyond chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.mcnemar import mcnemar_p
from darkroom.models.backbones.net import TrunkNet
from darkroom.models.ensemble import EnsembleNet, build
from darkroom.training.ensembles.members import Member
from darkroom.training.ensembles.selection import combined, cross_fitted, greedy_shares, log_loss

SIGNIFICANCE = 0.05  # largest p-value at which an ensemble counts as better than its best member


@dataclass(frozen=True)
class Choice:
    """What became of the members.

    Attributes:
        members: all that were tried.
        shares: the weight of each, with a sum of 1; 0 for those that are left out.
        best: number of the member that has most of the validation images right; of several the one with the
            smallest log-loss.
        accuracies: share of the validation images that each member has right.
        losses: the log-loss of each on the validation images.
        accuracy: that share of the ensemble, whose weights were chosen by the same images.
        loss: its log-loss on them.
        fair_accuracy: that share where each image is predicted with weights that others chose.
        only_best: how many images only the best member has right, beside these predictions.
        only_ensemble: how many only these predictions have right.
        p_value: of McNemar's exact test on these numbers.
        kept: whether the ensemble is the model.
    """

    members: Sequence[Member]
    shares: NDArray[np.float64]
    best: int
    accuracies: Sequence[float]
    losses: Sequence[float]
    accuracy: float
    loss: float
    fair_accuracy: float
    only_best: int
    only_ensemble: int
    p_value: float
    kept: bool


def choose(members: Sequence[Member], labels: NDArray[np.int64], *, seed: int) -> Choice:
    """Return the weights of the members, and whether they are better than the best of them.

    The weights are those of `greedy_shares` on all validation images. The test compares the best member with
    predictions of images that had no part in their own weights (`cross_fitted`); the best member was chosen
    by all of the images, which favours it a little.

    Args:
        members: at least one; `logs` are of the validation images.
        labels: of these images, [N].
        seed: draws the bags and the parts.
    """
    logs = np.stack([member.logs for member in members])
    alone = [combined(logs[number : number + 1], np.ones(1)) for number in range(len(members))]
    right = [each.argmax(1) == labels for each in alone]
    losses = [log_loss(each, labels) for each in alone]
    accuracies = [float(each.mean()) for each in right]
    best = max(range(len(members)), key=lambda number: (accuracies[number], -losses[number]))
    shares = greedy_shares(logs, labels, seed=seed)
    together = combined(logs, shares)
    fair = cross_fitted(logs, labels, seed=seed).argmax(1) == labels
    only_best, only_ensemble = int((right[best] & ~fair).sum()), int((fair & ~right[best]).sum())
    p_value = mcnemar_p(only_best, only_ensemble)
    several = int((shares > 0).sum()) > 1
    return Choice(
        members,
        shares,
        best,
        accuracies,
        losses,
        accuracy=float((together.argmax(1) == labels).mean()),
        loss=log_loss(together, labels),
        fair_accuracy=float(fair.mean()),
        only_best=only_best,
        only_ensemble=only_ensemble,
        p_value=p_value,
        kept=several and only_ensemble > only_best and p_value <= SIGNIFICANCE,
    )


def described(choice: Choice) -> list[dict[str, Any]]:
    """Return what models/model_config.json states under `ensemble`: members with their weights.

    Those on a backbone are first, since heat maps and embedding are the first one's, and of these the one
    with the largest weight.
    """
    numbers = sorted(
        np.flatnonzero(choice.shares).tolist(),
        key=lambda number: (not isinstance(choice.members[number].net, TrunkNet), -choice.shares[number]),
    )
    return [
        {
            "name": choice.members[number].name,
            "share": float(choice.shares[number]),
            "temperature": choice.members[number].temperature,
            "changes": dict(choice.members[number].changes),
        }
        for number in numbers
    ]


def ensemble_net(choice: Choice, config: Mapping[str, Any]) -> EnsembleNet:
    """Return the members with a weight as one net, in evaluation mode.

    `config` is that of the whole, with what `described` returns under `ensemble`.
    """
    net = build(config)
    by_name = {member.name: member.net for member in choice.members}
    for about, member in zip(config["ensemble"], net.members, strict=True):
        given = by_name[about["name"]].state_dict()
        member.load_state_dict({name: given[name] for name in member.state_dict()})
    return net.eval()


def summary(choice: Choice) -> dict[str, Any]:
    """Return what reports/train.json states of an ensemble, whether or not it is kept, but for its costs."""
    members = zip(choice.members, choice.shares, choice.accuracies, choice.losses, strict=True)
    return {
        "ensemble": {
            "kept": choice.kept,
            "members": [
                {"name": member.name, "weight": float(share), "accuracy": accuracy, "loss": loss}
                for member, share, accuracy, loss in members
            ],
            "best_member": choice.members[choice.best].name,
            "best_member_accuracy": choice.accuracies[choice.best],
            "accuracy": choice.accuracy,
            "loss": choice.loss,
            "accuracy_with_weights_of_other_images": choice.fair_accuracy,
            "only_best_member_correct": choice.only_best,
            "only_ensemble_correct": choice.only_ensemble,
            "p_value": choice.p_value,
        }
    }


def verdict_line(choice: Choice) -> str:
    """Return in words whether the ensemble is kept, and why."""
    parts = ", ".join(
        f"{share:.2f} {member.name} ({accuracy:.2%} alone)"
        for member, share, accuracy in zip(choice.members, choice.shares, choice.accuracies, strict=True)
    )
    kept = "the ensemble is kept" if choice.kept else "the ensemble does not pay and is dropped"
    return (
        f"weights {parts}\n{kept}: of the validation images its best member alone, "
        f"{choice.members[choice.best].name}, has {choice.accuracies[choice.best]:.2%} right and the "
        f"ensemble {choice.fair_accuracy:.2%}, each image with weights that others chose; "
        f"{choice.only_best} are right with the first alone and {choice.only_ensemble} with the second "
        f"alone, p {choice.p_value:.2g} (McNemar; {SIGNIFICANCE:g} at most is needed)"
    )
