"""Reading params.yaml, and what the tuner found."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from darkroom.config.messages import ParamsError, explain
from darkroom.config.params import Params
from darkroom.config.trees import merge
from darkroom.config.yaml_errors import key_places
from darkroom.config.yaml_file import read_text, read_yaml


def load_params(path: Path, tuned: Mapping[str, Any] | None = None) -> Params:
    """Read params.yaml at `path`, with the values of `tuned`, a tree of the same shape, in place of its own.

    Raises ParamsError that names each key that is unknown, missing or of an impossible value, with its line.
    """
    path = Path(path)
    tree = read_yaml(path)
    try:
        params = Params.model_validate(tree)
    except ValidationError as error:
        raise _refusal(error, str(path), key_places(read_text(path))) from error
    return parse_params(merge(tree, tuned), source=f"{path} with the tuned values") if tuned else params


def load_tuned(path: Path) -> dict[str, Any]:
    """Read the values that the tuner found (models/tuned.json), a tree of the shape of params.yaml.

    Raises ParamsError for a file that is missing or damaged, or gives a key twice.
    """
    repair = "`dvc repro -f tune` writes it again"
    try:
        tree = json.loads(Path(path).read_bytes(), object_pairs_hook=_once, parse_constant=_no_number)
    except FileNotFoundError as error:
        raise ParamsError(f"{path} does not exist: {repair}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ParamsError(f"{path} cannot be read: {error}: {repair}") from error
    if not isinstance(tree, dict):
        raise ParamsError(f"{path} must hold keys with values: {repair}")
    return tree


def parse_params(tree: Mapping[str, Any], *, source: str = "params") -> Params:
    """Check a tree of plain values and return the parameters; raises ParamsError as `load_params` does."""
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        raise _refusal(error, source, {}) from error


def override(params: Params, changes: Mapping[str, Any]) -> Params:
    """Return `params` with the values of the tree `changes`, checked again."""
    return parse_params(merge(params.model_dump(), changes))


def _refusal(
    error: ValidationError, source: str, places: Mapping[tuple[str, ...], tuple[int, int]]
) -> ParamsError:
    lines = [explain(item, Params, places) for item in error.errors()]
    return ParamsError(f"{source}:\n" + "\n".join(f"  {line}" for line in lines))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs of a JSON object; raises ValueError where a key is given twice."""
    keys = [key for key, _ in pairs]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise ValueError(f"the key {min(twice)!r} is given twice")
    return dict(pairs)


def _no_number(name: str) -> float:
    """Refuse what Python's JSON has beyond JSON: NaN and infinities."""
    raise ValueError(f"{name} is no number")
