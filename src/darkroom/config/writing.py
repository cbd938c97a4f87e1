"""Writing values into params.yaml; its comments and its order are kept."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from darkroom.config.loading import parse_params
from darkroom.config.messages import ParamsError
from darkroom.files import write_text


def write_params(path: Path, changes: Mapping[str, Any]) -> None:
    """Set values in the params.yaml at `path`, by their dotted names, and check the result.

    Nothing is written where the values do not fit together. Raises ParamsError.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    tree = yaml.load(path.read_text(encoding="utf-8"))
    for name, value in changes.items():
        *sections, key = name.split(".")
        place = tree
        for section in sections:
            place = place[section] if isinstance(place, CommentedMap) and section in place else None
            if place is None:
                raise ParamsError(
                    f"{path} has no {name}: `git checkout {path.name}` brings the original back"
                )
        place[key] = _in_one_line(value)
        if key in place.ca.items:
            # ruamel.yaml notes here that a list in lines of its own follows; with the new value in the line
            # of the key it would write the next section into one line, which no reader takes
            place.ca.items[key][3:] = [None]
    text = io.StringIO()
    yaml.dump(tree, text)
    parse_params(YAML(typ="safe").load(text.getvalue()), source=str(path))
    write_text(path, text.getvalue())


def is_written(path: Path, name: str) -> bool:
    """Return whether the params.yaml at `path` has this dotted name, such as tune.space.train.batch_size."""
    place = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    for key in name.split("."):
        if not isinstance(place, Mapping) or key not in place:
            return False
        place = place[key]
    return True


def _in_one_line(value: Any) -> Any:
    """Return `value` such that a list is written in one line."""
    if not isinstance(value, list):
        return value
    new = CommentedSeq(value)
    new.fa.set_flow_style()
    return new
