"""What is said of parameters that cannot be used."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel


class ParamsError(ValueError):
    """The parameters cannot be used; the message says which, the value seen and what to do."""


def explain(item: Any, model: type[BaseModel]) -> str:
    """Say in a line what pydantic found wrong with a value; `model` knows the keys that there are."""
    # union members appear in pydantic's locations by class name; people know only the keys
    keys = [str(part) for part in item["loc"] if part not in ("Range", "Choices", "Alternatives")]
    name = ".".join(keys)
    if item["type"] == "extra_forbidden":
        return unknown_key(name, keys[-1], _fields_at(model, keys[:-1]))
    if item["type"] == "missing":
        return f"{name} is missing"
    message = item["msg"].removeprefix("Value error, ")
    return (
        f"{name} is {item['input']!r}: {message}"
        if name and not isinstance(item["input"], dict)
        else (f"{name}: {message}" if name else message)
    )


def _fields_at(model: Any, keys: list[str]) -> list[str]:
    if "space" in keys:
        return ["low", "high", "log", "choices", "when"]
    for key in keys:
        model = model.model_fields[key].annotation
    return list(model.model_fields)


def unknown_key(name: str, key: str, known: Iterable[str]) -> str:
    """Say that there is no such key, and which one was probably meant."""
    close = get_close_matches(key, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return f"{name} is unknown: {hint}"
