"""Combinations of parameters that do not work together."""

from collections.abc import Mapping
from typing import Any

# The parameters that `contradiction` compares, by dotted name.
INTERDEPENDENT = (
    "model.backbone",
    "model.architecture",
    "train.optimizer",
    "model.views",
    "augment.flip",
    "train.class_weights",
    "train.logit_adjustment",
    "train.sampling",
    "train.processes",
)
# What each is where it does nothing about classes that are not equally frequent.
BALANCING = {"train.class_weights": "none", "train.logit_adjustment": 0, "train.sampling": "all"}


def contradiction(values: Mapping[str, Any]) -> str | None:
    """Return why the values of `INTERDEPENDENT` do not work together and what to set; None if they do.

    >>> contradiction(
    ...     {
    ...         "model.backbone": "none",
    ...         "model.architecture": "fast",
    ...         "train.optimizer": "muon",
    ...         "model.views": 6,
    ...         "augment.flip": "alternating",
    ...         "train.class_weights": "none",
    ...         "train.logit_adjustment": 0,
    ...         "train.sampling": "all",
    ...         "train.processes": 1,
    ...     }
    ... )
    """
    if values["model.backbone"] != "none":
        if wrong := _beside_backbone(values):
            return wrong
    elif values["model.architecture"] == "classic" and values["train.optimizer"] == "muon":
        return (
            "train.optimizer is muon, which model.architecture classic does not train with: "
            "set train.optimizer=adam and train.learning_rate=0.001"
        )
    if values["model.views"] > 1 and values["augment.flip"] == "none":
        return (
            f"model.views is {values['model.views']}, which mirrors images at prediction, but augment.flip "
            "is none: set model.views=1"
        )
    balancing = [name for name, off in BALANCING.items() if values[name] != off]
    if len(balancing) > 1:
        first, *others = balancing
        return (
            " and ".join(f"{name} is {values[name]}" for name in balancing)
            + ", each of which makes up for rare classes, so that together they would do it twice: keep "
            + f"{first} and set "
            + " and ".join(f"{name}={BALANCING[name]}" for name in others)
        )
    return None


def _beside_backbone(values: Mapping[str, Any]) -> str | None:
    """Return what does not work together with the backbone, and what to set; None if all does."""
    backbone = values["model.backbone"]
    if values["train.processes"] > 1:
        return (
            f"train.processes is {values['train.processes']}, which does not go with model.backbone "
            f"{backbone}, whose features one process computes: set train.processes=1 or model.backbone=none"
        )
    if values["model.views"] > 2:
        return (
            f"model.views is {values['model.views']}, which does not go with model.backbone {backbone}, "
            "whose images are mirrored at most: set model.views=2"
        )
    return None
