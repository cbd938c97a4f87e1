"""Reading params.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from darkroom.config.messages import ParamsError, explain
from darkroom.config.params import Params
from darkroom.config.trees import merge


def load_params(path: Path, tuned: Mapping[str, Any] | None = None) -> Params:
    """Read params.yaml at `path`, with the values of `tuned`, a tree of the same shape, in place of its own.

    Raises ParamsError that names each key that is unknown, missing or of an impossible value.
    """
    try:
        tree = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ParamsError(
            f"{path} holds {type(tree).__name__}, not the keys {', '.join(Params.model_fields)}"
        )
    return parse_params(merge(tree, tuned or {}), source=str(path))


def parse_params(tree: Mapping[str, Any], *, source: str = "params") -> Params:
    """Check a tree of plain values and return the parameters; raises ParamsError as `load_params` does."""
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        lines = [explain(item, Params) for item in error.errors()]
        raise ParamsError(f"{source}:\n" + "\n".join(f"  {line}" for line in lines)) from error


def override(params: Params, changes: Mapping[str, Any]) -> Params:
    """Return `params` with the values of the tree `changes`, checked again."""
    return parse_params(merge(params.model_dump(), changes))
