"""Combinations of parameters that do not work together."""

from collections.abc import Mapping
from typing import Any

# The parameters that `contradiction` compares, by dotted name.
INTERDEPENDENT = ("model.architecture", "train.optimizer", "model.views", "augment.flip")


def contradiction(values: Mapping[str, Any]) -> str | None:
    """Return why the values of `INTERDEPENDENT` do not work together and what to set; None if they do.

    >>> contradiction(
    ...     {
    ...         "model.architecture": "fast",
    ...         "train.optimizer": "muon",
    ...         "model.views": 6,
    ...         "augment.flip": "alternating",
    ...     }
    ... )
    """
    if values["model.architecture"] == "classic" and values["train.optimizer"] == "muon":
        return (
            "train.optimizer is muon, which model.architecture classic does not train with: "
            "set train.optimizer=adam and train.learning_rate=0.001"
        )
    if values["model.views"] > 1 and values["augment.flip"] == "none":
        return (
            f"model.views is {values['model.views']}, which mirrors images at prediction, but augment.flip "
            "is none: set model.views=1"
        )
    return None
