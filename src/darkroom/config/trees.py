"""Trees of plain values (nested dictionaries): merged, and flattened to dotted names."""

from collections.abc import Mapping
from typing import Any


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tree `base` with the values of the tree `over` in place of its own; neither is changed.

    >>> merge({"train": {"epochs": 16, "loss": "cross_entropy"}}, {"train": {"epochs": 4}})
    {'train': {'epochs': 4, 'loss': 'cross_entropy'}}
    """
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = (
            merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a tree's leaves by dotted name, as MLflow and `dvc exp run -S` take them.

    >>> flatten({"seed": 0, "train": {"epochs": 16}})
    {'seed': 0, 'train.epochs': 16}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
