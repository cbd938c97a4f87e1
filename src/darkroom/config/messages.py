"""The messages about parameters that cannot be used."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

UNION_MEMBERS = ("Range", "Choices", "Alternatives", "One", "Pair")
LONGEST = 80  # characters of a value in a message


class ParamsError(ValueError):
    """The parameters cannot be used; the message names which, the value seen and what to do."""


def explain(
    item: Any, model: type[BaseModel], places: Mapping[tuple[str, ...], tuple[int, int]] | None = None
) -> str:
    """Return one line on what pydantic found wrong with a value.

    `model` has the keys that are known; `places` says in which line and column of a file they are.
    """
    # union members appear in pydantic's locations by class name; people know only the keys
    keys = [str(part) for part in item["loc"] if part not in UNION_MEMBERS]
    return _line_of(keys, places or {}) + _explain(item, keys, model)


def _explain(item: Any, keys: list[str], model: type[BaseModel]) -> str:
    name = ".".join(keys)
    if item["type"] == "extra_forbidden":
        return unknown_key(name, keys[-1], _fields_at(model, keys[:-1]))
    if item["type"] == "missing":
        return f"{name} is missing"
    message: str = item["msg"].removeprefix("Value error, ")
    if not name:
        return message
    if isinstance(item["input"], dict):
        return message if message.startswith(f"{name}.") else f"{name}: {message}"
    return f"{name} is {shown(item['input'])}: {message}"


def _line_of(keys: list[str], places: Mapping[tuple[str, ...], tuple[int, int]]) -> str:
    """Return in which line a key is, or what is above it where it is missing."""
    for length in range(len(keys), 0, -1):
        if place := places.get(tuple(keys[:length])):
            return f"line {place[0]}: "
    return ""


def shown(value: Any) -> str:
    """Return a value as it is written in Python, shortened where it is long.

    >>> shown("fats"), shown("x" * 100)[-3:], shown(10**5000)
    ("'fats'", 'xx…', 'a number of 16,610 bits')
    """
    if isinstance(value, int) and value.bit_length() > 4 * LONGEST:  # Python writes out 4,300 digits at most
        return f"a number of {value.bit_length():,} bits"
    try:
        text = repr(value)
    except ValueError:  # such a number within a list
        return f"a {type(value).__name__} with a number that is too long"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


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
