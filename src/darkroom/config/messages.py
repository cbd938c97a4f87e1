"""The messages about parameters that cannot be used."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel


class ParamsError(ValueError):
    """The parameters cannot be used; the message names which, the value seen and what to do."""


def explain(item: Any, model: type[BaseModel]) -> str:
    """Return one line on what pydantic found wrong with a value; `model` has the keys that are known."""
    # union members appear in pydantic's locations by class name; people know only the keys
    keys = [str(part) for part in item["loc"] if part not in ("Range", "Choices", "Alternatives")]
    name = ".".join(keys)
    if item["type"] == "extra_forbidden":
        return unknown_key(name, keys[-1], _fields_at(model, keys[:-1]))
    if item["type"] == "missing":
        return f"{name} is missing"
    message: str = item["msg"].removeprefix("Value error, ")
    if not name:
        return message
    if isinstance(item["input"], dict):
        return f"{name}: {message}"
    return f"{name} is {item['input']!r}: {message}"


def _fields_at(model: Any, keys: list[str]) -> list[str]:
    if "space" in keys:
        return ["low", "high", "log", "choices", "when"]
    for key in keys:
        model = model.model_fields[key].annotation
    return list(model.model_fields)


def unknown_key(name: str, key: str, known: Iterable[str]) -> str:
    """Return that there is no such key, and which one was probably meant.

    >>> unknown_key("train.epoch", "epoch", ["epochs", "batch_size"])
    'train.epoch is unknown: did you mean epochs?'
    """
    close = get_close_matches(key, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return f"{name} is unknown: {hint}"
