"""The values of a trial: drawn from the search space, by dotted name or as a tree."""

from collections.abc import Mapping
from typing import Any

import optuna

from darkroom.config.search_space import Choices, Leaf, Space, walk_space


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """Draw the trial's values from `space` and return them by dotted name.

    Only leaves whose condition holds get a value. A range with whole numbers at both ends gives an int.
    """

    def choose(name: str, label: str, leaf: Leaf) -> Any:
        if isinstance(leaf, Choices):
            return trial.suggest_categorical(label, leaf.choices)
        if isinstance(leaf.low, int) and isinstance(leaf.high, int):
            return trial.suggest_int(label, leaf.low, leaf.high, log=leaf.log)
        return trial.suggest_float(label, leaf.low, leaf.high, log=leaf.log)

    return walk_space(space, choose)


def nested(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return values by dotted name as a tree with the structure of params.yaml.

    >>> nested({"train.epochs": 9, "train.optimizer": "sgd", "augment.cutout": 0})
    {'train': {'epochs': 9, 'optimizer': 'sgd'}, 'augment': {'cutout': 0}}
    """
    tree: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        group, _, key = name.partition(".")
        tree.setdefault(group, {})[key] = value
    return tree
